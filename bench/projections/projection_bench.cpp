#include "projection_bench.hpp"

#include <array>
#include <cstdio>

#include <fmt/format.h>

#include "harness.hpp"
#include "postgres/bulk_appends.hpp"

namespace eventstore::bench {

void ProjectionBench::add_rate(const Place& place, std::string_view candidate, double rate) const {
  fmt::print(stderr, "  {}, {}: {:.0f} events/s\n", place.setting, candidate, rate);
  results.add(named({place.workload, place.setting, kRate}, candidate), "events/s", rate);
}

void ProjectionBench::add_latencies(const Place& place, std::string_view candidate,
                                    const Histogram& latencies) const {
  fmt::print(stderr, "  {}, {}: median {:.0f} us, p99 {:.0f} us, longest {:.0f} us\n",
             place.setting, candidate, latencies.percentile_us(0.5), latencies.percentile_us(0.99),
             latencies.max_us());
  results.add_latencies(named(place, candidate), latencies);
}

std::span<const ProjectionWorkload> projection_workloads() {
  static constexpr std::array kWorkloads = {
      ProjectionWorkload{
          "J1", "The built-in projection event-type-count, from nothing, by 1 worker.", run_counts},
      ProjectionWorkload{"J2",
                         "The built-in projection stream-activity, from nothing, by 1 worker: a "
                         "document for each stream. The streams take turns.",
                         run_documents},
      ProjectionWorkload{"J3",
                         "Rebuilding a projection whose apply() parses the event's JSON and "
                         "computes for some 30 µs, by 4 workers and by 1, while the live one goes "
                         "on working and 200 events a second are appended.",
                         run_rebuilds},
      ProjectionWorkload{"J4",
                         "From the moment that append() returns until a subscription's handler "
                         "has the event, in the same process.",
                         run_latency},
      ProjectionWorkload{"J5",
                         "A subscription opened from the start of a store, to events of which it "
                         "has ten: until the last was delivered, and that there are no more.",
                         run_search},
      ProjectionWorkload{"J6",
                         "Appends of one event by one thread, one after the other, while others "
                         "subscribe, each in a thread of its own. The slow one takes 10 ms for an "
                         "event.",
                         run_subscribers}};
  return kWorkloads;
}

void fill(BenchStore& store, const EventGenerator& generator) {
  const Stopwatch watch;
  fill_store(store.store(), generator);
  store.settle();
  fmt::print(stderr, "  made a store of {} events in {:.0f} s\n", generator.events(),
             watch.seconds());
}

}  // namespace eventstore::bench
