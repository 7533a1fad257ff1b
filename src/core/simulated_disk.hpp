#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/seeded_random.hpp"
#include "core/simulated_inode.hpp"

namespace eventstore {

// Files and names of a simulated machine, in two states: as processes see them, and as they survive
// loss of power. A value: a copy is a snapshot of both. One thread at a time.
class SimulatedDisk {
 public:
  SimulatedDisk() = default;
  ~SimulatedDisk() = default;
  SimulatedDisk(const SimulatedDisk& other);
  SimulatedDisk& operator=(const SimulatedDisk& other);
  SimulatedDisk(SimulatedDisk&&) = default;
  SimulatedDisk& operator=(SimulatedDisk&&) = default;

  // What is there, and damage to it. Changes are durable at once, and seen by whoever opens the
  // file from then on. But for exists() and put(), the file must be there.
  std::vector<std::string> files() const;  // their paths, sorted
  bool exists(std::string_view path) const;
  std::vector<std::byte> contents(std::string_view path) const;
  void put(std::string_view path,
           std::span<const std::byte> bytes);  // makes the file and its folders
  void remove(std::string_view path);
  void flip_bit(std::string_view path, std::uint64_t offset, unsigned bit);  // bit 0 to 7
  void overwrite(std::string_view path, std::uint64_t offset, std::span<const std::byte> bytes);
  void truncate(std::string_view path, std::uint64_t size);

  // For trying out every state that a loss of power may leave. What was not synced is taken apart
  // into pieces: changes of names, writes, and lengths of files that grew; where those are fewer
  // than `pieces_wanted`, the longest writes are split at a sector until they are so many.
  std::size_t unsynced_pieces(std::size_t pieces_wanted) const;
  // Loses power, and keeps of those pieces the ones whose bit is set. False, and then nothing is
  // done, where no machine would: a change of names is kept that builds on one that is not.
  bool lose_power_but(std::uint64_t kept, std::size_t pieces_wanted);

 private:
  // The rest is what SimulatedFileSystem does to it. Paths are in normal form, and checked.
  friend class SimulatedFileSystem;
  using Inode = internal::SimulatedInode;
  using Files = std::map<std::string, std::shared_ptr<Inode>, std::less<>>;
  using Directories = std::set<std::string, std::less<>>;

  // An unsynced change of names; those of one directory are kept in order.
  struct NameChange {
    enum class Kind : std::uint8_t { Create, CreateDirectory, Rename, Remove };
    Kind kind;
    std::string path;
    std::string to;                // of Rename
    std::shared_ptr<Inode> inode;  // of Create and Rename
  };
  struct Names {
    Files files;
    Directories directories;
    void apply(const NameChange& change);
    bool is_directory(std::string_view path) const;
  };

  std::shared_ptr<Inode> find(std::string_view path) const;  // null where there is none
  std::shared_ptr<Inode> create(const std::string& path);
  void create_directory(const std::string& path);
  void rename(const std::string& from, const std::string& to);
  void unlink(const std::string& path);
  void sync_directory(const std::string& path);
  void absorb_page_stores();
  void end_process();  // with what was absorbed; locks and pages are let go
  void lose_power(SeededRandom& random);

  struct Pieces {
    std::vector<const NameChange*> names;
    std::vector<std::pair<std::shared_ptr<Inode>, Inode::Piece>> writes;
  };
  Pieces pieces(std::size_t wanted) const;
  void drop_unreachable();
  void change(NameChange change);
  void keep_stale(const Inode& inode);
  void keep_some_names(SeededRandom& random, const std::vector<NameChange>& changes);
  std::shared_ptr<Inode> existing(std::string_view path) const;

  Names seen_;
  Names durable_;
  std::map<std::string, std::vector<NameChange>, std::less<>> unsynced_;  // by directory
  std::vector<std::byte> stale_;  // of files that are gone: what free space on the disk holds
};

}  // namespace eventstore
