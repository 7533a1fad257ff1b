#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "candidate.hpp"

namespace eventstore::bench {

// How much is measured. A round of appends ends when a thread has sent all of its requests, or
// after `append_seconds_max`.
struct Scale {
  std::uint64_t small_events = 1'000'000;   // a store of streams of 100
  std::uint64_t large_events = 10'000'000;  // a store of streams of 10
  std::uint64_t single_appends = 3'000;
  std::uint64_t group_appends = 64'000;  // of all threads together
  std::uint64_t batch_events = 600'000;  // in batches of 100, by 8 threads
  std::uint64_t bulk_events = 1'000'000;
  double append_seconds_max = 2;
  std::uint64_t stream_reads = 2'000;
  std::uint64_t lookups = 100'000;
  std::uint64_t queries = 20;
  std::uint64_t query_matches = 1'000;
  std::uint64_t killed_events = 100'000;  // appended before a process is killed
  std::uint64_t stall_bytes = std::uint64_t{1'500} << 20;
  std::uint64_t disk_bytes = std::uint64_t{1} << 30;
};

struct Options {
  std::filesystem::path folder;
  std::vector<std::string> workloads;   // none: all
  std::vector<std::string> candidates;  // none: all
  std::size_t rounds = 5;
  std::string scale_name;
  Scale scale;
  std::uint64_t seed = 1;
  std::string json;
  std::string markdown;
  std::string commit;

  bool includes_workload(std::string_view name) const;
  bool includes_candidate(std::string_view name) const;
  // Those of the candidates that are stores.
  std::vector<StoreKind> stores() const;
};

Options parse_options(std::span<char* const> command_line);

}  // namespace eventstore::bench
