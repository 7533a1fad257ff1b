#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "log/format.hpp"

namespace eventstore::log {

// A segment's positions lie within so many, holes included: their postings fit, with room for the
// index that holds one number for each.
inline constexpr std::uint64_t kSegmentPositionsMax = std::uint64_t{1} << 28;

// How far a scan of a segment has come, and what the next frame must fit to.
struct ScanState {
  std::uint64_t offset = kSegmentHeaderBytes;
  GlobalPosition first_position;  // of the segment
  GlobalPosition next_position;
  std::uint32_t link = 0;
  Timestamp recorded_at{};              // of the last frame
  std::uint64_t last_frame_offset = 0;  // 0: none yet
  bool marked = true;                   // the last frame has no events, or there is none
  bool sealed = false;

  static ScanState at_start_of(const SegmentHeader& header) {
    ScanState state;
    state.first_position = header.first_position;
    state.next_position = header.first_position;
    state.link = header.link;
    return state;
  }

  // Goes over the frame at `offset`.
  void pass(const FrameHeader& frame) {
    last_frame_offset = offset;
    offset += frame.frame_bytes();
    next_position = frame.next_position;
    link = frame.checksum;
    recorded_at = frame.recorded_at;
    marked = frame.event_count == 0;
    sealed = (frame.flags & kSealFrame) != 0;
  }
};

struct ScannedEvent {
  StoredEvent event;  // with its position and time
  std::uint64_t offset = 0;
};

// Reads a segment frame by frame, each wholly checked before it is shown: recovery, readers that
// follow a writer, rebuilding an index and verification are all this loop.
//
// Threads: one at a time. Borrows `bytes`: the segment file from its start.
class FrameScan {
 public:
  FrameScan(std::span<const std::byte> bytes, std::uint32_t seed, ScanState state)
      : bytes_(bytes), seed_(seed), state_(state) {}

  // Goes over the next frame; false at the end of the log. After a Defect the scan stays in front
  // of the bad frame.
  std::expected<bool, Defect> next();

  // Of the frame that next() went over.
  const FrameHeader& frame() const { return frame_; }
  std::span<const ScannedEvent> events() const { return events_; }
  const ScanState& state() const { return state_; }

  // The offset of a frame behind the current place: what tells damage from a torn tail. Of those
  // that are whole the one that continues the log the soonest: where a write went astray, a later
  // one may stand before it. Where none is whole, one whose header checks out. Absent: there is
  // none.
  std::optional<std::uint64_t> find_later_frame() const;

  // Goes on behind damage, at a frame that find_later_frame() found.
  void resume_at(std::uint64_t offset);

  // Whether only zeros follow the current place.
  bool only_zeros_follow() const;

 private:
  Defect read_events();
  bool is_whole_frame(std::uint64_t offset) const;

  std::span<const std::byte> bytes_;
  std::uint32_t seed_;
  ScanState state_;
  FrameHeader frame_;
  std::vector<ScannedEvent> events_;
};

}  // namespace eventstore::log
