#include "log/segment.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "log/damage.hpp"
#include "log/posting_file.hpp"

namespace eventstore::log {

Segment::Segment(SegmentHeader header, std::string path, std::unique_ptr<File> file,
                 std::shared_ptr<const SegmentIndex> index)
    : header_(header),
      seed_(header.seed()),
      path_(std::move(path)),
      file_(std::move(file)),
      index_(std::move(index)) {}

std::shared_ptr<const SegmentIndex> Segment::index() const {
  const MutexLock lock(mutex_);
  return index_;
}

void Segment::set_index(std::shared_ptr<const SegmentIndex> index) {
  const MutexLock lock(mutex_);
  index_.swap(index);
}

std::shared_ptr<const std::vector<Finding>> Segment::damage() const {
  const MutexLock lock(mutex_);
  return damage_;
}

void Segment::add_damage(const Finding& damage) {
  if (damage.where.first_position.value == 0) return;
  const MutexLock lock(mutex_);
  auto all = damage_ ? std::make_shared<std::vector<Finding>>(*damage_)
                     : std::make_shared<std::vector<Finding>>();
  all->push_back(damage);
  damage_ = std::move(all);
}

Result<std::shared_ptr<const MappedFile>> Segment::map() const {
  const auto bytes = durable_bytes();
  const MutexLock lock(mutex_);
  if (mapped_ == nullptr || mapped_->bytes().size() < bytes) {
    // The whole file as it is now, space written ahead included, so that mapping is rare.
    const auto size = file_->size();
    if (!size) return std::unexpected(size.error());
    if (*size < bytes) {
      return std::unexpected(
          corruption({.file = path_, .offset = *size},
                     "the file is shorter than it was; restore it from a backup"));
    }
    auto mapped = file_->map(*size);
    if (!mapped) return std::unexpected(std::move(mapped).error());
    mapped_ = *std::move(mapped);
  }
  return mapped_;
}

PostingFileIdentity Segment::posting_file_identity(std::uint64_t secret) const {
  return {.segment_id = header_.segment_id,
          .seed = seed_,
          .first_position = header_.first_position,
          .secret = secret};
}

Result<SegmentReader> SegmentReader::open(std::shared_ptr<const Segment> segment) {
  const auto bytes = segment->durable_bytes();
  auto mapped = segment->map();
  if (!mapped) return std::unexpected(std::move(mapped).error());
  auto index = segment->index();
  return SegmentReader(std::move(segment), std::move(index), *std::move(mapped), bytes);
}

SegmentReader::SegmentReader(std::shared_ptr<const Segment> segment,
                             std::shared_ptr<const SegmentIndex> index,
                             std::shared_ptr<const MappedFile> mapped, std::uint64_t bytes)
    : segment_(std::move(segment)),
      index_(std::move(index)),
      mapped_(std::move(mapped)),
      bytes_(mapped_->bytes().first(bytes)) {}

Error SegmentReader::damage(std::uint64_t offset, std::string_view what, Posting posting) const {
  const auto position = segment_->position_of(posting);
  return corruption({.file = segment_->path(),
                     .offset = offset,
                     .first_position = position,
                     .last_position = position},
                    what);
}

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

Result<LocatedEvent> SegmentReader::read_in_frame(std::uint64_t offset, const FrameHeader& frame,
                                                  std::uint64_t frame_offset) {
  const auto end = frame_offset + frame.frame_bytes();
  const auto defect = [&](std::string_view what) {
    return std::unexpected(corruption({.file = segment_->path(),
                                       .offset = offset,
                                       .first_position = frame.first_position,
                                       .last_position = {frame.next_position.value - 1}},
                                      what));
  };
  auto event = decode_event(bytes_.subspan(offset, end - offset), segment_->seed());
  if (!event) return defect(event.error());
  if (frame_offset + std::uint64_t{event->frame_distance} * 8 != offset) {
    return defect("the event belongs to another place");
  }
  event->view.position = {frame.first_position.value + event->position_delta};
  event->view.recorded_at = frame.recorded_at;
  return LocatedEvent{.event = *event, .offset = offset};
}

Result<std::optional<LocatedEvent>> SegmentReader::read(Posting posting) {
  std::uint64_t offset = 0;
  if (auto located = locate({&posting, 1}, {&offset, 1}); !located) {
    return std::unexpected(std::move(located).error());
  }
  if (offset == 0) return std::nullopt;
  return read_at(offset, posting);
}

Result<void> SegmentReader::locate(std::span<const Posting> postings,
                                   std::span<std::uint64_t> offsets) const {
  if (auto found = index_->offsets_of(postings, offsets); !found) return found;
  for (std::size_t i = 0; i < postings.size(); ++i) {
    if (offsets[i] == 0) continue;
    if (offsets[i] < kSegmentHeaderBytes || offsets[i] + kEventHeaderBytes > bytes_.size()) {
      return std::unexpected(damage(offsets[i], "the index points outside the log", postings[i]));
    }
  }
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

Result<LocatedEvent> SegmentReader::read_at(std::uint64_t offset, Posting posting) {
  auto event = decode_event(bytes_.subspan(offset), segment_->seed());
  if (!event) return std::unexpected(damage(offset, event.error(), posting));
  const auto distance = std::uint64_t{event->frame_distance} * 8;
  if (distance > offset) {
    return std::unexpected(damage(offset, "the event belongs to another place", posting));
  }
  const auto frame = frame_at(offset - distance);
  if (!frame) return std::unexpected(frame.error());
  event->view.position = {frame->first_position.value + event->position_delta};
  event->view.recorded_at = frame->recorded_at;
  if (event->view.position != segment_->position_of(posting)) {
    return std::unexpected(damage(offset, "another event stands where this one should", posting));
  }
  return LocatedEvent{.event = *event, .offset = offset};
}

}  // namespace eventstore::log
