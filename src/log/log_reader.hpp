#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "log/format.hpp"
#include "log/log_view.hpp"

namespace eventstore::log {

// An event read from a segment, with where it was found.
struct LocatedEvent {
  StoredEvent event;
  const Segment* segment = nullptr;
  std::uint64_t offset = 0;  // bytes from the start of the segment file
};

// Reads the events of one segment through one mapping, which it keeps.
//
// Threads: one at a time.
class SegmentReader {
 public:
  static Result<SegmentReader> open(std::shared_ptr<const Segment> segment);

  // The event at `offset`, every byte of it checked, its frame's header too, which must be that of
  // `position`.
  Result<void> read_at(std::uint64_t offset, GlobalPosition position, LocatedEvent& event);

  // The event at `offset`, which must be within `frame` at `frame_offset`.
  Result<void> read_in_frame(std::uint64_t offset, const FrameHeader& frame,
                             std::uint64_t frame_offset, LocatedEvent& event);

  // The frame that starts at `offset`.
  Result<FrameHeader> frame_at(std::uint64_t offset);

  // Whether an event may stand at `offset`.
  bool has_room_at(std::uint64_t offset) const {
    return offset >= kSegmentHeaderBytes && offset + kEventHeaderBytes <= bytes_.size();
  }
  // Ask for memory, before many events are read.
  void prefetch_event(std::uint64_t offset) const;
  void prefetch_frame_of(std::uint64_t offset) const;

  const Segment& segment() const { return *segment_; }

 private:
  SegmentReader(std::shared_ptr<const Segment> segment, std::shared_ptr<const MappedFile> mapped,
                std::uint64_t bytes);

  std::shared_ptr<const Segment> segment_;
  std::shared_ptr<const MappedFile> mapped_;
  std::span<const std::byte> bytes_;
  std::uint64_t frame_offset_ = 0;  // of frame_; 0: none read yet
  FrameHeader frame_;
};

// Reads events of the log by position or by what a run's index names. Keeps the mappings of the
// segments it read from: what events point to lives until forget_mappings().
//
// Threads: one at a time.
class LogReader {
 public:
  explicit LogReader(std::shared_ptr<const LogLayout> layout) : layout_(std::move(layout)) {}

  // The event of `posting`; absent for a hole.
  Result<std::optional<LocatedEvent>> read(const Run& run, Posting posting);

  // The same in two steps, for many events at once: where each is, then, when the memory of all of
  // them has been asked for, each event.
  struct Place {
    GlobalPosition position;
    std::uint64_t offset = 0;  // in its segment; 0: a hole
  };
  Result<void> locate(const Run& run, std::span<const Posting> postings, std::span<Place> places);
  Result<void> read_at(const Place& place, LocatedEvent& event);

  // The reader of the segment that has `position`; valid until forget_mappings().
  Result<SegmentReader*> segment_of(GlobalPosition position);

  // What was read before is no longer needed.
  void forget_mappings();

 private:
  struct Opened {
    std::size_t ordinal = 0;
    SegmentReader reader;
  };

  void prefetch(std::span<const Place> places);

  std::shared_ptr<const LogLayout> layout_;
  std::vector<std::unique_ptr<Opened>> opened_;
  Opened* last_ = nullptr;  // the one used last
};

}  // namespace eventstore::log
