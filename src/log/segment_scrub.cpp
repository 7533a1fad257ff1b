#include "log/segment_scrub.hpp"

#include <utility>

#include "core/mapped_access.hpp"

namespace eventstore::log {

SegmentScrub::SegmentScrub(std::shared_ptr<const Segment> segment, std::string digest)
    : segment_(std::move(segment)),
      digest_expected_(std::move(digest)),
      bytes_end_(segment_->durable_bytes()),
      at_(ScanState::at_start_of(segment_->header())) {
  const MappedAccess access;
  mapped_ = segment_->map().value_or(nullptr);
  if (mapped_ == nullptr) {
    state_ = State::Suspect;
    return;
  }
  const auto header = mapped_->bytes().first(kSegmentHeaderBytes);
  if (!decode_segment_header(header, segment_->path()) || access.failed()) {
    state_ = State::Suspect;
  }
  digest_.add(header);
}

std::uint64_t SegmentScrub::step(std::uint64_t bytes_max) {
  if (state_ != State::UnderWay) return 0;
  const MappedAccess access;
  const auto bytes = mapped_->bytes().first(bytes_end_);
  FrameScan scan(bytes, segment_->seed(), at_);
  while (scan.state().offset < bytes_end_ && scan.state().offset - at_.offset < bytes_max) {
    if (scan.next().value_or(false)) continue;
    state_ = State::Suspect;
    break;
  }
  const auto from = std::exchange(at_, scan.state()).offset;
  digest_.add(bytes.subspan(from, at_.offset - from));
  if (state_ == State::UnderWay && at_.offset == bytes_end_) finish();
  if (access.failed()) state_ = State::Suspect;
  return at_.offset - from;
}

void SegmentScrub::finish() {
  state_ = State::Whole;
  if (!digest_expected_.empty() && (!at_.sealed || digest_.text() != digest_expected_)) {
    state_ = State::Suspect;
  }
}

}  // namespace eventstore::log
