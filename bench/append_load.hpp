#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "candidate.hpp"
#include "eventstore/append.hpp"
#include "histogram.hpp"

namespace eventstore::bench {

// Appends that threads make at the same time, each thread to streams of its own.
struct AppendLoad {
  std::size_t threads = 1;
  std::size_t events_per_request = 1;  // all of one stream
  std::size_t requests_per_thread = 1;
  std::uint64_t seed = 1;
  std::string stream_prefix = "load";  // of streams that the store must not have yet
};

// The requests of one thread, in order: the streams take turns, and each request expects the
// version that the one before it left.
using ThreadRequests = std::vector<AppendRequest>;
std::vector<ThreadRequests> make_requests(const AppendLoad& load);

struct AppendOutcome {
  Histogram latencies;
  std::uint64_t requests = 0;
  double seconds = 0;
};

// Sends the requests, each thread its own. The first few of each thread do not count. Ends when a
// thread has no more, so that all count while all were at work, or after so many seconds.
AppendOutcome run_appends(Appender& appender, std::vector<ThreadRequests>& requests,
                          double seconds_max);

}  // namespace eventstore::bench
