#pragma once

#include <array>
#include <span>
#include <string_view>

#include "bench_store.hpp"
#include "generated_events.hpp"
#include "histogram.hpp"
#include "projection_options.hpp"
#include "results.hpp"
#include "targets.hpp"

namespace eventstore::bench {

// What projections and subscriptions are measured beside.
inline constexpr std::string_view kScanName = "bare scan";
inline constexpr std::string_view kLoopName = "a transaction an event";
// And where they are measured beside themselves.
inline constexpr std::string_view kOneWorkerName = "1 worker";

inline constexpr std::string_view kLag = "longest lag";
inline constexpr std::string_view kLagP99 = "lag, p99";
inline constexpr std::string_view kP999 = "p99.9";
// How J5 looks for its events.
inline constexpr std::array<std::string_view, 3> kSearchKinds = {"by type", "by category",
                                                                 "by a tag"};

// What a workload is given to work with.
struct ProjectionBench {
  const ProjectionBenchOptions& options;
  Results& results;

  // Events a second.
  void add_rate(const Place& place, std::string_view candidate, double rate) const;
  void add_latencies(const Place& place, std::string_view candidate,
                     const Histogram& latencies) const;
};

struct ProjectionWorkload {
  std::string_view name;
  std::string_view what;  // a sentence for the page of results
  void (*run)(const ProjectionBench& bench, Engine engine);
};

// In the order in which they run.
std::span<const ProjectionWorkload> projection_workloads();

void run_counts(const ProjectionBench& bench, Engine engine);       // J1
void run_documents(const ProjectionBench& bench, Engine engine);    // J2
void run_rebuilds(const ProjectionBench& bench, Engine engine);     // J3
void run_latency(const ProjectionBench& bench, Engine engine);      // J4
void run_search(const ProjectionBench& bench, Engine engine);       // J5
void run_subscribers(const ProjectionBench& bench, Engine engine);  // J6

// Appends all of the generator's events to an empty store, and says how long that took.
void fill(BenchStore& store, const EventGenerator& generator);

}  // namespace eventstore::bench
