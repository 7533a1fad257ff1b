#include "log/log_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "log/damage.hpp"

namespace eventstore::log {
namespace {

std::unexpected<Error> damage_at(const Segment& segment, std::uint64_t offset,
                                 std::string_view what, GlobalPosition position) {
  return std::unexpected(corruption({.file = segment.path(),
                                     .offset = offset,
                                     .first_position = position,
                                     .last_position = position},
                                    what));
}

}  // namespace

Result<SegmentReader> SegmentReader::open(std::shared_ptr<const Segment> segment) {
  const auto bytes = segment->durable_bytes();
  auto mapped = segment->map();
  if (!mapped) return std::unexpected(std::move(mapped).error());
  return SegmentReader(std::move(segment), *std::move(mapped), bytes);
}

SegmentReader::SegmentReader(std::shared_ptr<const Segment> segment,
                             std::shared_ptr<const MappedFile> mapped, std::uint64_t bytes)
    : segment_(std::move(segment)),
      mapped_(std::move(mapped)),
      bytes_(mapped_->bytes().first(bytes)) {}

Result<FrameHeader> SegmentReader::frame_at(std::uint64_t offset) {
  if (offset == frame_offset_) return frame_;
  if (offset < kSegmentHeaderBytes || offset > bytes_.size()) {
    return std::unexpected(
        corruption({.file = segment_->path(), .offset = offset}, "no frame can start here"));
  }
  const auto frame = decode_frame_header(bytes_.subspan(offset), segment_->seed());
  if (!frame) {
    return std::unexpected(corruption({.file = segment_->path(), .offset = offset}, frame.error()));
  }
  frame_ = *frame;
  frame_offset_ = offset;
  return frame_;
}

Result<void> SegmentReader::read_in_frame(std::uint64_t offset, const FrameHeader& frame,
                                          std::uint64_t frame_offset, LocatedEvent& event) {
  const auto end = frame_offset + frame.frame_bytes();
  auto& stored = event.event;
  auto defect = decode_event(bytes_.subspan(offset, end - offset), segment_->seed(), stored);
  if (defect == nullptr && frame_offset + std::uint64_t{stored.frame_distance} * 8 != offset) {
    defect = "the event belongs to another place";
  }
  if (defect != nullptr) {
    return std::unexpected(corruption({.file = segment_->path(),
                                       .offset = offset,
                                       .first_position = frame.first_position,
                                       .last_position = {frame.next_position.value - 1}},
                                      defect));
  }
  stored.view.position = {frame.first_position.value + stored.position_delta};
  stored.view.recorded_at = frame.recorded_at;
  event.segment = segment_.get();
  event.offset = offset;
  return {};
}

Result<void> SegmentReader::read_at(std::uint64_t offset, GlobalPosition position,
                                    LocatedEvent& event) {
  auto& stored = event.event;
  if (const auto defect = decode_event(bytes_.subspan(offset), segment_->seed(), stored)) {
    return damage_at(*segment_, offset, defect, position);
  }
  const auto distance = std::uint64_t{stored.frame_distance} * 8;
  if (distance > offset) {
    return damage_at(*segment_, offset, "the event belongs to another place", position);
  }
  const auto frame = frame_at(offset - distance);
  if (!frame) return std::unexpected(frame.error());
  stored.view.position = {frame->first_position.value + stored.position_delta};
  stored.view.recorded_at = frame->recorded_at;
  if (stored.view.position != position) {
    return damage_at(*segment_, offset, "another event stands where this one should", position);
  }
  event.segment = segment_.get();
  event.offset = offset;
  return {};
}

void SegmentReader::prefetch_event(std::uint64_t offset) const {
  constexpr std::uint64_t kLineBytes = 64;
  constexpr std::uint64_t kLines = 8;
  const auto end = std::min<std::uint64_t>(offset + kLines * kLineBytes, bytes_.size());
  for (auto at = offset; at < end; at += kLineBytes) __builtin_prefetch(&bytes_[at]);
}

void SegmentReader::prefetch_frame_of(std::uint64_t offset) const {
  const auto distance = event_frame_distance(bytes_.subspan(offset));
  if (distance <= offset) __builtin_prefetch(&bytes_[offset - distance]);
}

Result<SegmentReader*> LogReader::segment_of(GlobalPosition position) {
  const auto& segments = layout_->segments;
  const auto has = [&](std::size_t ordinal) {
    return segments[ordinal]->first_position() <= position &&
           (ordinal + 1 == segments.size() || position < segments[ordinal + 1]->first_position());
  };
  if (last_ != nullptr && has(last_->ordinal)) return &last_->reader;
  const auto ordinal =
      part_of(segments, position, [](const auto& segment) { return segment->first_position(); });
  for (const auto& opened : opened_) {
    if (opened->ordinal != ordinal) continue;
    last_ = opened.get();
    return &last_->reader;
  }
  auto reader = SegmentReader::open(segments[ordinal]);
  if (!reader) return std::unexpected(std::move(reader).error());
  last_ = opened_
              .emplace_back(std::make_unique<Opened>(
                  Opened{.ordinal = ordinal, .reader = *std::move(reader)}))
              .get();
  return &last_->reader;
}

// The segment used last will most likely be used next.
void LogReader::forget_mappings() {
  if (opened_.size() <= 1) return;
  std::erase_if(opened_, [this](const auto& opened) { return opened.get() != last_; });
}

Result<std::optional<LocatedEvent>> LogReader::read(const Run& run, Posting posting) {
  Place place;
  if (auto located = locate(run, {&posting, 1}, {&place, 1}); !located) {
    return std::unexpected(std::move(located).error());
  }
  if (place.offset == 0) return std::nullopt;
  LocatedEvent event;
  if (auto read = read_at(place, event); !read) return std::unexpected(std::move(read).error());
  return event;
}

Result<void> LogReader::locate(const Run& run, std::span<const Posting> postings,
                               std::span<Place> places) {
  constexpr std::size_t kAtOnce = 32;
  std::array<std::uint64_t, kAtOnce> offsets{};
  while (!postings.empty()) {
    const auto some = postings.first(std::min(postings.size(), kAtOnce));
    const auto found = std::span(offsets).first(some.size());
    if (auto located = run.index->offsets_of(some, found); !located) return located;
    for (std::size_t i = 0; i < some.size(); ++i) {
      places[i] = {.position = run.position_of(some[i]), .offset = found[i]};
    }
    if (some.size() > 1) prefetch(places.first(some.size()));
    postings = postings.subspan(some.size());
    places = places.subspan(some.size());
  }
  return {};
}

// What cannot be reached is met again by read_at().
void LogReader::prefetch(std::span<const Place> places) {
  const auto for_each = [&](auto&& visit) {
    for (const auto& place : places) {
      if (place.offset == 0) continue;
      const auto segment = segment_of(place.position);
      if (segment && (*segment)->has_room_at(place.offset)) visit(**segment, place.offset);
    }
  };
  for_each([](const SegmentReader& segment, auto offset) { segment.prefetch_event(offset); });
  for_each([](const SegmentReader& segment, auto offset) { segment.prefetch_frame_of(offset); });
}

Result<void> LogReader::read_at(const Place& place, LocatedEvent& event) {
  const auto segment = segment_of(place.position);
  if (!segment) return std::unexpected(segment.error());
  if (!(*segment)->has_room_at(place.offset)) {
    return damage_at((*segment)->segment(), place.offset, "the index points outside the log",
                     place.position);
  }
  return (*segment)->read_at(place.offset, place.position, event);
}

}  // namespace eventstore::log
