#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "eventstore/event_store.hpp"

namespace eventstore::bench {

// An append of one event that was acknowledged.
struct Acknowledged {
  GlobalPosition position;
  std::chrono::steady_clock::time_point at;  // when append() returned
};

// Appends of one event each, one after the other.
struct PacedAppends {
  std::chrono::milliseconds between{0};  // from the begin of one to the next; 0: none waits
  double seconds = 0;
  std::stop_token stop = {};     // ends before that
  std::uint64_t categories = 1;  // the events are of streams of so many, in turns
  std::function<void(const Acknowledged& append)> on_append = {};
};

// The category of streams of that number.
std::string paced_category(std::uint64_t number);

std::vector<Acknowledged> append_at_pace(EventStore& store, const PacedAppends& appends);

}  // namespace eventstore::bench
