#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/result.hpp"
#include "eventstore/time.hpp"
#include "eventstore/uuid.hpp"

namespace eventstore {

// The seam between the engine and the operating system's files. Implementations: PosixFileSystem
// (the real one), MemoryFileSystem (`memory:` and tests), SimulatedFileSystem (crashes and faults).
// Paths use '/'. Errors carry the path, the call and errno's text; ENOENT is NotFound; ENOSPC,
// EDQUOT and EFBIG are NoSpace; EMFILE, ENFILE and ENOMEM are OutOfResources; all else is Io.

// The bytes of a file as they are in the page cache, read only. What is written to the file later,
// within the mapped size, shows through. Immutable; safe from any thread.
class MappedFile {
 public:
  MappedFile() = default;
  virtual ~MappedFile() = default;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 protected:
  std::span<const std::byte> bytes_;
};

// An open file. Reads and the map are safe from any thread; writes come from one thread at a time.
// The descriptor closes with the object; maps live on.
class File {
 public:
  File() = default;
  virtual ~File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Reads up to `out.size()` bytes; fewer only at the end of the file. Returns how many.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) = 0;

  // Writes all of `parts`, one after the other, from `offset` on; loops over short writes and
  // EINTR. On failure any part of it may have been written.
  virtual Result<void> write(std::uint64_t offset,
                             std::span<const std::span<const std::byte>> parts) = 0;

  // Makes what was written survive loss of power, the file's length included (fdatasync). After a
  // failure the file's contents are unknown: never call it again and trust the answer.
  virtual Result<void> sync() = 0;

  virtual Result<std::uint64_t> size() = 0;

  // Maps the first `size` bytes, which must be within the file (checked).
  virtual Result<std::shared_ptr<const MappedFile>> map(std::uint64_t size) = 0;
};

// One page shared with other processes: the only memory of a file that is stored through. `words`
// are 8-byte aligned; access them with std::atomic_ref. Waiting and waking are futex calls on the
// low half of words[0]: the wake-up word.
class SharedPage {
 public:
  static constexpr std::size_t kBytes = 4096;

  SharedPage() = default;
  virtual ~SharedPage() = default;
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;

  std::span<std::uint64_t, kBytes / 8> words() const {
    return std::span<std::uint64_t, kBytes / 8>(words_, kBytes / 8);
  }

  // Blocks while the wake-up word equals `seen`, until woken, `timeout` has passed, or for no
  // reason.
  virtual void wait(std::uint32_t seen, std::chrono::microseconds timeout) = 0;
  virtual void wake_all() = 0;  // the caller has changed the wake-up word

 protected:
  std::uint64_t* words_ = nullptr;
};

// Held for as long as the object lives; given back by the end of the process too.
class FileLock {
 public:
  FileLock() = default;
  virtual ~FileLock() = default;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Whether somebody removed or replaced the file that is locked: the next one who comes locks
  // another. Safe from any thread.
  virtual bool is_removed() const = 0;
};

// A directory that is held open, so that its sync needs nothing that could be lacking by then.
class Directory {
 public:
  Directory() = default;
  virtual ~Directory() = default;
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // As FileSystem::sync_directory().
  virtual Result<void> sync() = 0;
};

// Safe from any thread.
class FileSystem {
 public:
  enum class Access : std::uint8_t { Read, ReadWrite };

  FileSystem() = default;
  virtual ~FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, Access access) = 0;
  // A new, empty file, for reading and writing; fails (Io) where the name is taken.
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
  virtual Result<void> create_directory(const std::string& path) = 0;  // fine where it exists
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  // The names in a directory, without "." and "..", sorted.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  // Makes creations, renames and removals in `directory` survive loss of power.
  virtual Result<void> sync_directory(const std::string& directory) = 0;

  // What changes names in `directory`, and must know that they are durable before it goes on, opens
  // it first.
  virtual Result<std::unique_ptr<Directory>> open_directory(const std::string& directory);

  // Takes the exclusive lock of an existing file, in this process and among processes (flock plus a
  // table of this process). StoreLocked where it is taken.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;

  // Maps the one page of an existing file of at least that size, shared; Read: stores are
  // forbidden.
  virtual Result<std::unique_ptr<SharedPage>> share_page(const std::string& path,
                                                         Access access) = 0;

  // Changes when the machine starts anew: then the page cache holds only what is on the disk.
  virtual Uuid boot_id() = 0;
};

// Of file systems that need nothing for a sync.
class NamedDirectory final : public Directory {
 public:
  NamedDirectory(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  Result<void> sync() override { return files_.sync_directory(path_); }

 private:
  FileSystem& files_;
  const std::string path_;
};

inline Result<std::unique_ptr<Directory>> FileSystem::open_directory(const std::string& directory) {
  return std::make_unique<NamedDirectory>(*this, directory);
}

// Time. Safe from any thread.
class Clock {
 public:
  Clock() = default;
  virtual ~Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  virtual Timestamp wall_now() = 0;
  virtual std::chrono::steady_clock::time_point monotonic_now() = 0;
};

// Randomness for ids and secrets. Safe from any thread.
class RandomSource {
 public:
  RandomSource() = default;
  virtual ~RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;

  virtual void fill(std::span<std::byte> out) = 0;
};

// Version 4: random. Version 7: 48 bits of Unix milliseconds, then random (RFC 9562).
Uuid make_uuid_v4(RandomSource& random);
Uuid make_uuid_v7(RandomSource& random, Timestamp now);

// What a test must replace, in one value. Borrowed.
struct Environment {
  FileSystem* files;
  Clock* clock;
  RandomSource* random;
};

}  // namespace eventstore
