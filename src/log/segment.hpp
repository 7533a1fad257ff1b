#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "log/format.hpp"

namespace eventstore::log {

// One segment of the log as readers see it: its header, its file and a mapping of that. Only the
// segment that is written to keeps its file open; the others open theirs to map it, when it is
// first read.
//
// Ownership: shared by the store and by every cursor that reads from it. Borrows the file system.
// Threads:   safe from any thread, but for file(), write_done() and set_durable_bytes(): the
//            writer's.
class Segment {
 public:
  // `file` is kept open, for writing.
  Segment(SegmentHeader header, std::string path, FileSystem& files, std::unique_ptr<File> file);
  // Nothing more is written to it.
  Segment(SegmentHeader header, std::string path, FileSystem& files, std::uint64_t bytes);
  // Stands for a segment whose file cannot be used: every access fails with `lost`.
  Segment(SegmentHeader header, std::string path, FileSystem& files, Error lost);

  const SegmentHeader& header() const { return header_; }
  std::uint32_t seed() const { return seed_; }
  const std::string& path() const { return path_; }
  GlobalPosition first_position() const { return header_.first_position; }

  // Of the segment that is written to.
  File& file() const { return *file_; }
  // Maps what there is and closes the file.
  Result<void> write_done();

  // The end of what may be read: bytes from the start of the file.
  std::uint64_t durable_bytes() const { return durable_bytes_.load(std::memory_order_acquire); }
  // Released by the writer before it publishes the head, acquired in durable_bytes().
  void set_durable_bytes(std::uint64_t bytes) {
    durable_bytes_.store(bytes, std::memory_order_release);
  }

  // A mapping of at least the durable bytes. Fails with NotFound where the file is not there any
  // more: it was rewritten, or else lost_if_gone() makes damage of that.
  Result<std::shared_ptr<const MappedFile>> map() const;

  // Why nothing of the segment can be read. Null: it can, as far as is known.
  const Error* lost() const { return lost_ ? &*lost_ : nullptr; }

 private:
  Result<void> map_file(File& file, std::uint64_t bytes) const REQUIRES(mutex_);

  const SegmentHeader header_;
  const std::uint32_t seed_;
  const std::string path_;
  FileSystem& files_;
  const std::optional<Error> lost_;
  std::unique_ptr<File> file_;  // null: closed
  std::atomic<std::uint64_t> durable_bytes_ = kSegmentHeaderBytes;

  mutable Mutex mutex_;  // also held while the file is mapped anew
  // Whether file_ may be used to map; its owner is the writer, who takes it away under the mutex.
  bool is_open_ GUARDED_BY(mutex_) = false;
  mutable std::shared_ptr<const MappedFile> mapped_ GUARDED_BY(mutex_);
};

}  // namespace eventstore::log
