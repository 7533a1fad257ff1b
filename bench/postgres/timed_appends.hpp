#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "eventstore/event_store.hpp"
#include "histogram.hpp"

namespace eventstore::bench {

// Threads that append for some seconds, each in turn to ten streams of its own, whose versions it
// expects.
struct TimedAppends {
  std::size_t threads = 1;
  std::size_t events_per_request = 1;  // all of one stream
  double seconds = 2;
  std::string prefix = {};  // of streams that the store must not have yet
  bool tags = false;        // two for each event
  // Called once, when each stream has been appended to, which does not count.
  std::function<void()> on_ready = [] {};
};

struct TimedOutcome {
  Histogram latencies;  // of append()
  std::uint64_t events = 0;
  double seconds = 0;
  double rate() const { return static_cast<double>(events) / seconds; }
};

// Fails where an answer is not what it has to be.
TimedOutcome append_for_seconds(EventStore& store, const TimedAppends& load);

}  // namespace eventstore::bench
