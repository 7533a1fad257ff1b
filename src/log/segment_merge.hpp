#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "log/frame_scan.hpp"
#include "log/manifest.hpp"

namespace eventstore::log {

// One segment made of two copies of it.
struct MergedSegment {
  std::vector<std::span<const std::byte>> parts;  // of either copy, in their order
  ScanState end;
  std::uint64_t bytes_taken = 0;  // from the other copy
};

// What a segment must be.
struct SegmentWanted {
  Uuid store_id;
  ManifestSegment listed;
  // Of an active segment: the last position that it is known to have had. 0: none is known.
  GlobalPosition durable = {};
};

// Puts together the chain of frames that `ours`, a damaged segment file or nothing, was: frames of
// `theirs` only where ours are not whole, and only if every whole frame of ours with events is in
// the chain. Each frame is wholly checked, and its link to the one before: frames of another
// history that began as this one do not fit in.
//
// The parts borrow from both. Otherwise the reason: a phrase about `theirs`.
std::expected<MergedSegment, std::string> merge_segments(std::span<const std::byte> ours,
                                                         std::span<const std::byte> theirs,
                                                         const SegmentWanted& wanted);

// The digest of a segment put together.
std::string digest_of(const MergedSegment& merged);

}  // namespace eventstore::log
