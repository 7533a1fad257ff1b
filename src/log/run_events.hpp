#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "eventstore/read.hpp"
#include "log/log_reader.hpp"

namespace eventstore::log {

// Yields the events of one run that a read may select, in reading order, each checked.
//
// Threads: one at a time. Borrows what select_events() was given; an event lives as long as the
//          mappings of the reader do.
class RunEvents {
 public:
  RunEvents() = default;
  virtual ~RunEvents() = default;
  RunEvents(const RunEvents&) = delete;
  RunEvents& operator=(const RunEvents&) = delete;

  // Reads the next one into `event`. False: there is none.
  virtual Result<bool> next(LocatedEvent& event) = 0;
};

// What a read covers: positions, and for the read of a stream versions. All inclusive.
struct ReadBounds {
  GlobalPosition first_position{1};
  GlobalPosition last_position;
  StreamVersion first_version{1};
  StreamVersion last_version{UINT64_MAX};
};

// The events of `run` for a read; nullptr where the index knows of none. `last` is the last posting
// that is visible there. Borrows the reader, the run and the request.
Result<std::unique_ptr<RunEvents>> select_events(LogReader& reader, const Run& run,
                                                 const ReadRequest& request,
                                                 const ReadBounds& bounds, Posting last,
                                                 std::uint64_t secret);

}  // namespace eventstore::log
