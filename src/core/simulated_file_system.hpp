#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/file_system.hpp"
#include "core/seeded_random.hpp"
#include "core/simulated_disk.hpp"

namespace eventstore {

// Files of a machine that crashes, loses power and has failing disks, in ways that a seed decides.
//
// The rules are those of a careful reading of POSIX, and of what Linux does: nothing but sync()
// makes bytes durable, nothing but sync_directory() makes names durable, and what was not made
// durable may still be there, in part and in any order. A sync that failed is not made good by one
// that succeeds.
//
// A test runs code on it until crashed(), destroys nothing or everything of that code, calls
// restart() and runs the code anew. What was opened before a restart answers as a crashed machine.
//
// Ownership: files, locks and pages must not outlive it; maps may.
// Threads:   one thread at a time. SharedPage::wait() returns at once.
class SimulatedFileSystem final : public FileSystem {
 public:
  enum class Call : std::uint8_t {
    Open,
    Create,
    CreateDirectory,
    Rename,
    Remove,
    Exists,
    List,
    SyncDirectory,
    Lock,
    SharePage,
    Read,
    Write,
    Sync,
    Size,
    Map,
  };
  static constexpr std::size_t kCallKinds = 15;

  // The `nth` call from now on, of the given kind or of any, fails with an errno; `forever`: and
  // all that follow. A failing write may write a part; a failing sync makes some of the bytes
  // durable and gives up on the others for good; any other call that fails does nothing.
  struct Fault {
    std::optional<Call> call = std::nullopt;
    std::uint64_t nth = 1;
    int error_number = 5;  // EIO
    bool forever = false;
  };

  enum class Crash : std::uint8_t {
    ProcessKill,  // the process ends; the page cache and the boot id stay
    PowerLoss,    // what was not synced is lost, or not; another boot id
  };

  explicit SimulatedFileSystem(std::uint64_t seed, SimulatedDisk disk = {});

  // The n-th mutating call from now on (n >= 1) fails, as does every call after it, and nothing
  // changes any more: but that a write may have written a part. Mutating are Create,
  // CreateDirectory, Rename, Remove, SyncDirectory, Write and Sync.
  void crash_after(std::uint64_t n) { calls_until_crash_ = n; }
  bool crashed() const { return crashed_; }

  // A new process begins: without locks, faults and a crash to come. Where nothing crashed yet, the
  // old one ends now, without another word.
  void restart(Crash crash);

  void inject(const Fault& fault) { faults_.push_back(fault); }
  void clear_faults() { faults_.clear(); }
  // No fault is hit, nor comes nearer, while a test looks at things.
  void suspend_faults(bool wanted) { faults_suspended_ = wanted; }
  std::uint64_t faults_hit() const { return faults_hit_; }  // calls that failed by inject()

  // Called before each call, but for those that it makes itself: where a test looks at things in
  // the middle of what the code does.
  void on_call(std::function<void(Call)> hook) { hook_ = std::move(hook); }

  // How many files, locks and pages are held.
  std::size_t handles() const { return handles_; }

  // To look into, damage, copy and, between restart() and the first open, replace.
  SimulatedDisk& disk() { return disk_; }

  // Since the beginning.
  std::uint64_t calls(Call call) const { return calls_[static_cast<std::size_t>(call)]; }
  std::uint64_t mutating_calls() const { return mutating_calls_; }
  // Equal after equal calls with equal outcomes: two runs of one seed must agree.
  std::uint64_t trace_hash() const { return trace_hash_; }

  Result<std::unique_ptr<File>> open(const std::string& path, Access access) override;
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<void> create_directory(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;  // in one directory
  Result<void> remove(const std::string& path) override;                         // files only
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::unique_ptr<SharedPage>> share_page(const std::string& path, Access access) override;
  Uuid boot_id() override { return boot_id_; }

  static bool is_mutating(Call call);

 private:
  // Counts what is held while it lives.
  class Handle {
   public:
    explicit Handle(SimulatedFileSystem& files) : files_(files) { ++files_.handles_; }
    ~Handle() { --files_.handles_; }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

   private:
    SimulatedFileSystem& files_;
  };
  friend class SimulatedFile;
  friend class SimulatedLock;
  friend class SimulatedPage;
  using Inode = internal::SimulatedInode;

  // Counts a call. An error where it must not be made: crashed, crashing now, or a fault.
  std::optional<Error> begin(Call call, std::string_view path);
  std::optional<Error> begin_on(std::uint64_t process, Call call, std::string_view path);
  bool is_at(std::string_view path, const std::shared_ptr<Inode>& inode) const {
    return disk_.find(path) == inode;
  }
  bool crashes_now();
  std::optional<int> fault_of(Call call);
  void trace(std::uint64_t value) { trace_hash_ = mix_bits(trace_hash_ + value); }

  SeededRandom random_;
  SimulatedDisk disk_;
  Uuid boot_id_;
  std::uint64_t process_ = 1;  // what was opened in an earlier one is dead

  std::uint64_t calls_until_crash_ = 0;  // 0: none is to come
  bool crashed_ = false;
  std::vector<Fault> faults_;
  bool faults_suspended_ = false;
  std::uint64_t faults_hit_ = 0;

  std::function<void(Call)> hook_;
  bool in_hook_ = false;
  std::size_t handles_ = 0;

  std::array<std::uint64_t, kCallKinds> calls_{};
  std::uint64_t mutating_calls_ = 0;
  std::uint64_t trace_hash_ = 0;
};

}  // namespace eventstore
