#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "eventstore/read.hpp"
#include "log/segment.hpp"

namespace eventstore::log {

// Yields the events of one segment that a read may select, in reading order, each checked.
class SegmentEvents {
 public:
  SegmentEvents() = default;
  virtual ~SegmentEvents() = default;
  SegmentEvents(const SegmentEvents&) = delete;
  SegmentEvents& operator=(const SegmentEvents&) = delete;

  virtual Result<std::optional<LocatedEvent>> next() = 0;
};

// What a read covers: positions, and for the read of a stream versions. All inclusive.
struct ReadBounds {
  GlobalPosition first_position{1};
  GlobalPosition last_position;
  StreamVersion first_version{1};
  StreamVersion last_version{UINT64_MAX};
};

// The events of `reader`'s segment for a read; nullptr where the index knows of none. `last` is the
// last posting that is visible there. Borrows the reader and the request.
Result<std::unique_ptr<SegmentEvents>> select_events(SegmentReader& reader,
                                                     const ReadRequest& request,
                                                     const ReadBounds& bounds, Posting last,
                                                     std::uint64_t secret);

}  // namespace eventstore::log
