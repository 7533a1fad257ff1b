#include "log/segment_merge.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "log/segment_digest.hpp"

namespace eventstore::log {
namespace {

// The header at the start of `bytes`, if it is that of the segment that is wanted.
std::optional<SegmentHeader> header_of(std::span<const std::byte> bytes,
                                       const SegmentWanted& wanted) {
  const auto header = decode_segment_header(bytes, "");
  if (!header || header->store_id != wanted.store_id || header->segment_id != wanted.listed.id ||
      header->number != wanted.listed.number ||
      header->first_position != wanted.listed.first_position) {
    return std::nullopt;
  }
  return *header;
}

// What tells a frame from all others of its segment.
struct FrameIdentity {
  GlobalPosition first_position;
  std::uint32_t checksum = 0;
  friend bool operator==(const FrameIdentity&, const FrameIdentity&) = default;
};

FrameIdentity identity_of(const FrameHeader& frame) {
  return {.first_position = frame.first_position, .checksum = frame.checksum};
}

// The whole frames with events that a damaged segment has, wherever they stand in it, and the
// position behind the last.
struct WholeFrames {
  std::vector<FrameIdentity> frames = {};
  GlobalPosition next_position;
};

WholeFrames whole_frames(std::span<const std::byte> bytes, const SegmentHeader& header) {
  WholeFrames whole{.next_position = header.first_position};
  FrameScan scan(bytes, header.seed(), ScanState::at_start_of(header));
  for (;;) {
    const auto more = scan.next();
    if (more && !*more) return whole;
    if (more) {
      if (scan.frame().event_count == 0) continue;
      whole.frames.push_back(identity_of(scan.frame()));
      whole.next_position = scan.state().next_position;
      continue;
    }
    const auto later = scan.find_later_frame();
    if (!later) return whole;
    scan.resume_at(*later);
  }
}

class Merge {
 public:
  Merge(std::span<const std::byte> ours, std::span<const std::byte> theirs,
        const SegmentHeader& header)
      : ours_(ours), theirs_(theirs), header_(header), seed_(header.seed()) {
    merged_.end = ScanState::at_start_of(header);
  }

  void take_header(bool from_ours) {
    merged_.parts.push_back((from_ours ? ours_ : theirs_).first(kSegmentHeaderBytes));
    if (!from_ours) merged_.bytes_taken += kSegmentHeaderBytes;
  }

  // Frames until the segment ends, or until all that is known to have been in it is there.
  void take_frames(bool sealed, GlobalPosition end) {
    while (!merged_.end.sealed) {
      if (take_ours()) continue;
      if (!sealed && merged_.end.next_position >= end) return;
      if (!take_theirs()) return;
    }
  }

  bool has(const FrameIdentity& frame) const {
    return std::ranges::find(frames_, frame) != frames_.end();
  }
  const std::string& refusal() const { return refusal_; }
  MergedSegment& merged() { return merged_; }

 private:
  bool take_ours() {
    FrameScan scan(ours_, seed_, merged_.end);
    const auto more = scan.next();
    if (!more || !*more) return false;
    add(ours_, scan);
    return true;
  }

  bool take_theirs() {
    FrameScan scan(theirs_, seed_, merged_.end);
    const auto more = scan.next();
    if (!more || !*more) {
      refuse(more);
      return false;
    }
    if (contradicts(scan.frame())) return false;
    merged_.bytes_taken += scan.frame().frame_bytes();
    add(theirs_, scan);
    return true;
  }

  // What is left of our frame tells which one it was.
  bool contradicts(const FrameHeader& theirs) {
    if (merged_.end.offset >= ours_.size()) return false;
    const auto ours = decode_frame_header(ours_.subspan(merged_.end.offset), seed_);
    if (!ours || ours->link != merged_.end.link || ours->checksum == theirs.checksum) return false;
    refusal_ = "it holds other events from position " +
               std::to_string(theirs.first_position.value) + " on";
    return true;
  }

  void refuse(const std::expected<bool, Defect>& more) {
    const auto at = merged_.end.next_position.value;
    refusal_ = more ? "it holds events up to position " + std::to_string(at - 1) + " only"
                    : "it is damaged there too, at byte " + std::to_string(merged_.end.offset) +
                          " (" + more.error() + ")";
  }

  // The frame that `scan` went over.
  void add(std::span<const std::byte> copy, const FrameScan& scan) {
    const auto frame = copy.subspan(merged_.end.offset, scan.frame().frame_bytes());
    auto& last = merged_.parts.back();
    if (last.data() + last.size() == frame.data()) {
      last = {last.data(), last.size() + frame.size()};
    } else {
      merged_.parts.push_back(frame);
    }
    merged_.end = scan.state();
    if (scan.frame().event_count > 0) frames_.push_back(identity_of(scan.frame()));
  }

  std::span<const std::byte> ours_;
  std::span<const std::byte> theirs_;
  const SegmentHeader header_;
  const std::uint32_t seed_;
  MergedSegment merged_;
  std::vector<FrameIdentity> frames_;  // with events
  std::string refusal_;
};

}  // namespace

std::expected<MergedSegment, std::string> merge_segments(std::span<const std::byte> ours,
                                                         std::span<const std::byte> theirs,
                                                         const SegmentWanted& wanted) {
  const auto our_header = header_of(ours, wanted);
  const auto their_header = header_of(theirs, wanted);
  if (!their_header) return std::unexpected("its file is not that segment, or has a bad header");
  if (our_header && our_header->link != their_header->link) {
    return std::unexpected("its segment follows other events");
  }

  const auto whole = whole_frames(ours, *their_header);
  const auto end = std::max(whole.next_position, GlobalPosition{wanted.durable.value + 1});
  Merge merge(ours, theirs, *their_header);
  merge.take_header(our_header.has_value());
  merge.take_frames(wanted.listed.is_sealed(), end);
  const auto& state = merge.merged().end;
  const bool complete =
      wanted.listed.is_sealed()
          ? state.sealed && state.offset == wanted.listed.bytes &&
                state.next_position.value == wanted.listed.last_position->value + 1
          : state.next_position >= end;
  if (!complete) {
    return std::unexpected(merge.refusal().empty() ? "its end is not that of the segment"
                                                   : merge.refusal());
  }
  if (!std::ranges::all_of(whole.frames, [&](const auto& frame) { return merge.has(frame); })) {
    return std::unexpected("its events do not lead up to the whole ones behind the damage");
  }
  return std::move(merge.merged());
}

std::string digest_of(const MergedSegment& merged) {
  SegmentDigest digest;
  for (const auto part : merged.parts) digest.add(part);
  return digest.text();
}

}  // namespace eventstore::log
