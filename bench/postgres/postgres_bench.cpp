#include "postgres_bench.hpp"

#include <array>
#include <cstdio>

#include <fmt/format.h>

namespace eventstore::bench {

void PostgresBench::add_rate(const Place& place, std::string_view candidate, double rate) const {
  fmt::print(stderr, "  {}, {}: {:.0f} events/s\n", place.setting, candidate, rate);
  results.add(named({place.workload, place.setting, kRate}, candidate), "events/s", rate);
}

void PostgresBench::add_latencies(const Place& place, std::string_view candidate,
                                  const Histogram& latencies) const {
  fmt::print(stderr, "  {}, {}: median {:.0f} us, p99 {:.0f} us\n", place.setting, candidate,
             latencies.percentile_us(0.5), latencies.percentile_us(0.99));
  results.add_latencies(named(place, candidate), latencies);
}

std::span<const PostgresWorkload> postgres_workloads() {
  static constexpr std::array kWorkloads = {
      PostgresWorkload{"P1",
                       "Appends of one event. Each thread of event-store appends to ten streams of "
                       "its own, and expects their versions.",
                       run_postgres_single_appends},
      PostgresWorkload{"P2", "Appends of one event by several processes at once.", run_processes},
      PostgresWorkload{"P3", "Appends of 100 events of one stream.", run_postgres_batches},
      PostgresWorkload{"P4",
                       "A bulk of events in streams of 100: appends of 1,000 events, of which 8 "
                       "are under way, beside COPYs of 10,000 rows.",
                       run_import},
      PostgresWorkload{"P5", "Reading a stream of 100 events, by one thread.",
                       run_postgres_stream_reads},
      PostgresWorkload{"P6", "Reading all events in order, by one thread.", run_postgres_scans},
      PostgresWorkload{"P7",
                       "Two stores with the same events: in one month, and spread over many that "
                       "end with the current one.",
                       run_months},
      PostgresWorkload{"P8", "Two stores, one with ten times as many events as the other.",
                       run_growth},
      PostgresWorkload{"P9",
                       "A subscriber that waits in one store object for what is appended through "
                       "another: from the moment that append() returns until it has the event.",
                       run_delivery}};
  return kWorkloads;
}

Histogram time_repeatedly(double seconds, const std::function<void()>& work) {
  Histogram latencies;
  work();
  for (const Stopwatch total; total.seconds() < seconds;) {
    const Stopwatch one;
    work();
    latencies.record(one.elapsed());
  }
  return latencies;
}

}  // namespace eventstore::bench
