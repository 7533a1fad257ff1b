#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "log/deleted_events.hpp"
#include "log/frame_scan.hpp"
#include "log/manifest.hpp"
#include "log/segment.hpp"

// A sealed segment without what is deleted of it. Positions, versions and times stay as they are.
namespace eventstore::log {

// What is to be left of a segment's events.
struct SegmentFates {
  GlobalPosition first_position;
  std::vector<Fate> of;  // by position; a position without event is kept
  std::uint64_t husks = 0;
  std::uint64_t holes = 0;
  std::uint32_t link = 0;  // the link that the next segment has

  GlobalPosition last_position() const { return {first_position.value + of.size() - 1}; }
  bool any() const { return husks + holes > 0; }
  Fate at(GlobalPosition position) const { return of[position.value - first_position.value]; }
};

// Fails with Corruption where the segment, whose last position is `last`, is not whole.
Result<SegmentFates> decide_fates(const Segment& segment, GlobalPosition last,
                                  DeletedEvents& deleted);

// How many bytes the segment will have.
Result<std::uint64_t> rewritten_bytes(const Segment& segment, const SegmentFates& fates);

// A rewritten segment: its file, durable but for its name, and how the manifest lists it.
struct RewrittenSegment {
  ManifestSegment listed;
  std::shared_ptr<Segment> segment;
};

// Writes what is left of `segment` to a new file, and proves that this is what it holds. On failure
// no file is left, as far as that can be removed.
Result<RewrittenSegment> rewrite_segment(FileSystem& files, const std::string& folder,
                                         const Segment& segment, GlobalPosition last,
                                         const SegmentFates& fates, const Uuid& id);

}  // namespace eventstore::log
