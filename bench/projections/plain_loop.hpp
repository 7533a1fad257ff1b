#pragma once

#include <cstdint>
#include <string_view>

#include "bench_store.hpp"

namespace eventstore::bench {

// What a program does that has no projections: it reads events, and for each it begins a
// transaction, counts the event in the row of its key, stores its position, and commits. Over so
// many events. Returns the seconds.
struct PlainLoop {
  std::string_view (*key)(const EventView& event);
  std::uint64_t events;
};
double run_plain_loop(BenchStore& store, const PlainLoop& loop);

}  // namespace eventstore::bench
