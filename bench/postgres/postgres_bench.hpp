#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "harness.hpp"
#include "histogram.hpp"
#include "postgres_options.hpp"
#include "results.hpp"
#include "targets.hpp"

namespace eventstore::bench {

// What the engine is measured beside.
inline constexpr std::string_view kPgbenchName = "pgbench";
inline constexpr std::string_view kGroupsName = "hand-made groups";
inline constexpr std::string_view kInsertName = "bare insert";
inline constexpr std::string_view kCopyName = "bare copy";
inline constexpr std::string_view kIndexedCopyName = "bare copy, all indexes";
inline constexpr std::string_view kSelectName = "bare select";
// And where it is measured beside itself.
inline constexpr std::string_view kOneMonthName = "one month";
inline constexpr std::string_view kManyMonthsName = "many months";
inline constexpr std::string_view kSmallStoreName = "small store";
inline constexpr std::string_view kLargeStoreName = "large store";

// What a workload of the PostgreSQL engine is given to work with.
struct PostgresBench {
  const PostgresOptions& options;
  Results& results;

  // Events a second.
  void add_rate(const Place& place, std::string_view candidate, double rate) const;
  void add_latencies(const Place& place, std::string_view candidate,
                     const Histogram& latencies) const;
};

struct PostgresWorkload {
  std::string_view name;
  std::string_view what;  // a sentence for the page of results
  void (*run)(const PostgresBench& bench);
};

// In the order in which they run.
std::span<const PostgresWorkload> postgres_workloads();

void run_postgres_single_appends(const PostgresBench& bench);  // P1
void run_processes(const PostgresBench& bench);                // P2
void run_postgres_batches(const PostgresBench& bench);         // P3
void run_import(const PostgresBench& bench);                   // P4
void run_postgres_stream_reads(const PostgresBench& bench);    // P5
void run_postgres_scans(const PostgresBench& bench);           // P6
void run_months(const PostgresBench& bench);                   // P7
void run_growth(const PostgresBench& bench);                   // P8
void run_delivery(const PostgresBench& bench);                 // P9

// Does it once, and then again and again for so many seconds: how long each time took.
Histogram time_repeatedly(double seconds, const std::function<void()>& work);

}  // namespace eventstore::bench
