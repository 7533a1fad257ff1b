#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/result.hpp"

namespace eventstore {

// How much a self-test does. It ends with whichever comes first, events or time, and then takes
// some time more to check everything.
struct PostgresSelfTestOptions {
  std::uint64_t events_max = 50'000;
  std::chrono::seconds time_max{60};
  std::uint64_t seed = 0;      // what writers append, and what disturbs them
  unsigned writers = 16;       // each a store of its own, 1 to 64
  unsigned subscribers = 8;    // the same
  unsigned in_flight = 32;     // appends of a writer that wait for their answer, at most
  std::string other_uri = {};  // of another database of the server, for transactions there
  // Called now and then with how many events there are.
  std::function<void(std::uint64_t events)> on_progress = {};
  std::stop_token cancellation = {};  // ends it early; what was done is checked
};

struct PostgresSelfTestReport {
  std::uint64_t events = 0;
  std::chrono::milliseconds time{};
  std::map<std::string, std::uint64_t> counts = {};  // of what happened, by name
  std::vector<std::string> findings = {};            // promises that were broken; at most some
};

// Shows on a server that appends keep their order, whatever else goes on there: writers append to a
// store in a schema of its own, which it makes and drops; subscribers follow it; and sessions are
// ended, transactions rolled back and held open meanwhile. What was broken is in the report.
//
// Needs the right to make a schema, and max_connections for some 4 a writer and 3 a subscriber.
// Ending sessions and looking at them are left out where the role may not.
//
// Fails with InvalidArgument, or as open() does.
Result<PostgresSelfTestReport> run_postgres_self_test(std::string_view url,
                                                      const PostgresSelfTestOptions& options = {});

}  // namespace eventstore
