#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/event_store.hpp"
#include "log/format.hpp"
#include "log/posting_file.hpp"
#include "log/segment_index.hpp"

namespace eventstore::log {

// An event read from a segment, with where it was found.
struct LocatedEvent {
  StoredEvent event;
  std::uint64_t offset = 0;  // bytes from the start of the segment file
};

// One segment of the log as readers see it: its file, its mapping and its index.
//
// Ownership: shared by the store and by every cursor that reads from it.
// Threads:   safe from any thread. `durable_bytes` and the index are replaced by the writer alone.
class Segment {
 public:
  Segment(SegmentHeader header, std::string path, std::unique_ptr<File> file,
          std::shared_ptr<const SegmentIndex> index);

  const SegmentHeader& header() const { return header_; }
  std::uint32_t seed() const { return seed_; }
  const std::string& path() const { return path_; }
  File& file() const { return *file_; }
  GlobalPosition first_position() const { return header_.first_position; }

  GlobalPosition position_of(Posting posting) const {
    return {header_.first_position.value + posting};
  }
  Posting posting_of(GlobalPosition position) const {
    return static_cast<Posting>(position.value - header_.first_position.value);
  }

  // The end of what may be read: bytes from the start of the file.
  std::uint64_t durable_bytes() const { return durable_bytes_.load(std::memory_order_acquire); }
  // Released by the writer before it publishes the head, acquired in durable_bytes().
  void set_durable_bytes(std::uint64_t bytes) {
    durable_bytes_.store(bytes, std::memory_order_release);
  }

  std::shared_ptr<const SegmentIndex> index() const;
  void set_index(std::shared_ptr<const SegmentIndex> index);

  // The places where the index, made from a damaged segment, lacks what is lost. Null: it is whole.
  std::shared_ptr<const std::vector<Finding>> damage() const;
  // Does nothing where `damage` says that nothing is lost.
  void add_damage(const Finding& damage);

  // A mapping of at least the durable bytes.
  Result<std::shared_ptr<const MappedFile>> map() const;

  PostingFileIdentity posting_file_identity(std::uint64_t secret) const;

 private:
  const SegmentHeader header_;
  const std::uint32_t seed_;
  const std::string path_;
  const std::unique_ptr<File> file_;
  std::atomic<std::uint64_t> durable_bytes_ = kSegmentHeaderBytes;

  mutable Mutex mutex_;  // also held while the file is mapped anew
  std::shared_ptr<const std::vector<Finding>> damage_ GUARDED_BY(mutex_);
  std::shared_ptr<const SegmentIndex> index_ GUARDED_BY(mutex_);
  mutable std::shared_ptr<const MappedFile> mapped_ GUARDED_BY(mutex_);
};

// Reads events of one segment by posting, through one mapping and one index. Keeps both alive.
//
// Threads: one at a time.
class SegmentReader {
 public:
  static Result<SegmentReader> open(std::shared_ptr<const Segment> segment);

  // The event of `posting`, every byte of it checked, its frame's header too; absent for a hole.
  Result<std::optional<LocatedEvent>> read(Posting posting);

  // The same in two steps, for many events at once: where each is, 0 for a hole; then, when the
  // memory of all of them has been asked for, each event.
  Result<void> locate(std::span<const Posting> postings, std::span<std::uint64_t> offsets) const;
  void prefetch_event(std::uint64_t offset) const;
  void prefetch_frame_of(std::uint64_t offset) const;
  Result<LocatedEvent> read_at(std::uint64_t offset, Posting posting);

  // The event at `offset`, which must be within `frame` at `frame_offset`.
  Result<LocatedEvent> read_in_frame(std::uint64_t offset, const FrameHeader& frame,
                                     std::uint64_t frame_offset);

  // The frame that starts at `offset`.
  Result<FrameHeader> frame_at(std::uint64_t offset);

  const Segment& segment() const { return *segment_; }
  const SegmentIndex& index() const { return *index_; }

 private:
  SegmentReader(std::shared_ptr<const Segment> segment, std::shared_ptr<const SegmentIndex> index,
                std::shared_ptr<const MappedFile> mapped, std::uint64_t bytes);
  Error damage(std::uint64_t offset, std::string_view what, Posting posting) const;

  std::shared_ptr<const Segment> segment_;
  std::shared_ptr<const SegmentIndex> index_;
  std::shared_ptr<const MappedFile> mapped_;
  std::span<const std::byte> bytes_;
  std::uint64_t frame_offset_ = 0;  // of frame_; 0: none read yet
  FrameHeader frame_;
};

}  // namespace eventstore::log
