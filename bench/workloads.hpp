#pragma once

#include <span>
#include <string_view>

#include "data_sets.hpp"
#include "options.hpp"
#include "results.hpp"

namespace eventstore::bench {

// What a workload is given to work with.
struct Bench {
  const Options& options;
  DataSets& data_sets;
  Results& results;
};

struct Workload {
  std::string_view name;
  std::string_view what;  // a sentence for the page of results
  void (*run)(Bench& bench);
};

// In the order in which they run.
std::span<const Workload> workloads();

void run_single_appends(Bench& bench);    // W1
void run_parallel_appends(Bench& bench);  // W2
void run_batches(Bench& bench);           // W3
void run_bulk(Bench& bench);              // W4
void run_stream_reads(Bench& bench);      // R1
void run_scans(Bench& bench);             // R2
void run_queries(Bench& bench);           // R3
void run_lookups(Bench& bench);           // R4
void run_opening(Bench& bench);           // O1
void run_large_appends(Bench& bench);     // P1
void run_stalls(Bench& bench);            // S1
void run_scavenging(Bench& bench);        // S2
void run_disk_use(Bench& bench);          // D1

}  // namespace eventstore::bench
