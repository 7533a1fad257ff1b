#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <vector>

namespace eventstore::bench {

// What durability costs without a store: bytes written behind each other into a file whose space is
// there and written already, and synced.
//
// Threads: one at a time.
class BareLog {
 public:
  // Writes and syncs `bytes` zeros first.
  BareLog(const std::filesystem::path& path, std::size_t bytes);
  ~BareLog();
  BareLog(const BareLog&) = delete;
  BareLog& operator=(const BareLog&) = delete;

  void append(std::span<const std::byte> bytes);  // pwrite and fdatasync

 private:
  int file_;
  std::size_t at_ = 0;
};

// The least that shares syncs among threads: the first of each group leads it. It waits until the
// group before is durable, and then writes all that has come meanwhile and syncs once.
//
// Threads: safe from any thread.
class BareGroupLog {
 public:
  enum class Gathering : std::uint8_t {
    None,     // a group is what came during the sync before
    Briefly,  // the leader waits a moment for those whom the group before has just released
  };

  BareGroupLog(const std::filesystem::path& path, std::size_t bytes, Gathering gathering);

  void append(std::span<const std::byte> bytes);

 private:
  void wait_until_durable(std::uint32_t group);
  void gather() const;

  BareLog log_;
  const Gathering gathering_;
  std::uint32_t released_ = 0;  // members of the last durable group; the leader's

  std::mutex mutex_;
  // Guarded by mutex_:
  std::uint32_t forming_ = 1;
  std::vector<std::byte> buffer_;

  std::atomic<std::uint32_t> members_ = 0;  // of the forming group; changed under mutex_
  // The last durable group among the even and among the odd ones, so that a group wakes its own
  // members and the next leader, and nobody else for nothing.
  std::array<std::atomic<std::uint32_t>, 2> durable_{};
};

}  // namespace eventstore::bench
