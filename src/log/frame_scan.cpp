#include "log/frame_scan.hpp"

#include <algorithm>

#include "core/campaign_hooks.hpp"

namespace eventstore::log {

std::expected<bool, Defect> FrameScan::next() {
  events_.clear();
  if (state_.sealed || state_.offset >= bytes_.size()) return false;
  const auto rest = bytes_.subspan(state_.offset);
  if (is_end_of_log(rest)) {
    // Nothing but zeros may follow; a zeroed page between frames is damage.
    if (only_zeros_follow()) return false;
    return std::unexpected("zeros where a frame should start");
  }
  const auto frame = decode_frame_header(rest, seed_);
  if (!frame) return std::unexpected(frame.error());
  if (frame->link != state_.link)
    return std::unexpected("the frame does not follow the one before");
  if (frame->first_position != state_.next_position ||
      frame->next_position < frame->first_position) {
    return std::unexpected("the frame's positions do not follow those before");
  }
  if (frame->next_position.value - state_.first_position.value > kSegmentPositionsMax) {
    return std::unexpected("the frame's positions lie beyond those a segment can have");
  }
  frame_ = *frame;
  if (const Defect defect = read_events()) {
    events_.clear();
    return std::unexpected(defect);
  }
  state_.pass(frame_);
  return true;
}

Defect FrameScan::read_events() {
  auto body = bytes_.subspan(state_.offset + kFrameHeaderBytes, frame_.body_bytes);
  BodyChecksum checksum;
  auto position = frame_.first_position;
  for (std::uint32_t i = 0; i < frame_.event_count; ++i) {
    const auto offset = static_cast<std::uint64_t>(body.data() - bytes_.data());
    auto& scanned = events_.emplace_back();
    scanned.offset = offset;
    auto& event = scanned.event;
    if (const Defect defect = decode_event(body, seed_, event)) return defect;
    event.view.position = {frame_.first_position.value + event.position_delta};
    event.view.recorded_at = frame_.recorded_at;
    if (event.view.position < position || event.view.position >= frame_.next_position) {
      return "an event's position is outside its frame";
    }
    if (state_.offset + std::uint64_t{event.frame_distance} * 8 != offset) {
      return "an event belongs to another place";
    }
    position = {event.view.position.value + 1};
    checksum.add(event.checksum);
    body = body.subspan(event.length);
  }
  if (!body.empty()) return "a frame's events do not fill it";
  if (checksum.finish(seed_) != frame_.body_checksum && !is_planted(Plant::NoBodyChecksum)) {
    return "checksum mismatch in a frame's body";
  }
  return nullptr;
}

std::optional<std::uint64_t> FrameScan::find_later_frame() const {
  if (is_planted(Plant::CutAtFirstBadFrame)) return std::nullopt;
  struct Candidate {
    std::uint64_t offset;
    GlobalPosition first_position;
  };
  std::optional<Candidate> whole;
  std::optional<Candidate> header_alone;
  for (auto offset = state_.offset + 8; offset + kFrameHeaderBytes <= bytes_.size(); offset += 8) {
    const auto frame = decode_frame_header(bytes_.subspan(offset), seed_);
    if (!frame || frame->first_position < state_.next_position) continue;
    auto& found = is_whole_frame(offset) ? whole : header_alone;
    if (found && frame->first_position >= found->first_position) continue;
    found = {.offset = offset, .first_position = frame->first_position};
  }
  if (!whole) whole = header_alone;
  return whole ? std::optional(whole->offset) : std::nullopt;
}

bool FrameScan::is_whole_frame(std::uint64_t offset) const {
  FrameScan there(bytes_, seed_, state_);
  there.resume_at(offset);
  const auto more = there.next();
  return more && *more;
}

void FrameScan::resume_at(std::uint64_t offset) {
  const auto frame = decode_frame_header(bytes_.subspan(offset), seed_);
  if (!frame) return;
  state_.offset = offset;
  state_.next_position = frame->first_position;
  state_.link = frame->link;
}

bool FrameScan::only_zeros_follow() const {
  const auto rest = bytes_.subspan(std::min<std::uint64_t>(state_.offset, bytes_.size()));
  return std::ranges::all_of(rest, [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace eventstore::log
