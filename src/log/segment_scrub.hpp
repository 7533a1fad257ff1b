#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "log/frame_scan.hpp"
#include "log/segment.hpp"
#include "log/segment_digest.hpp"

namespace eventstore::log {

// Checks one segment, a few frames at a time. Finds out whether something is wrong, not what: see
// verify_segment().
//
// Ownership: keeps the segment and its mapping alive.
// Threads:   one at a time.
class SegmentScrub {
 public:
  enum class State : std::uint8_t { UnderWay, Whole, Suspect };

  // `digest` is empty where none is known.
  SegmentScrub(std::shared_ptr<const Segment> segment, std::string digest);

  // Goes over frames of about `bytes_max` bytes, at least one. Returns how many bytes they have.
  std::uint64_t step(std::uint64_t bytes_max);

  State state() const { return state_; }
  const Segment& segment() const { return *segment_; }

 private:
  void finish();

  std::shared_ptr<const Segment> segment_;
  std::string digest_expected_;
  std::uint64_t bytes_end_;
  std::shared_ptr<const MappedFile> mapped_;
  ScanState at_;
  SegmentDigest digest_;
  State state_ = State::UnderWay;
};

}  // namespace eventstore::log
