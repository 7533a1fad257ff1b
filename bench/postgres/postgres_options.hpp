#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::bench {

// How many events there are. How long a turn takes is PostgresOptions::seconds.
struct PostgresScale {
  std::uint64_t bulk_events = 200'000;        // imported in a turn
  std::uint64_t read_events = 200'000;        // of the store that is read, in streams of 100
  std::uint64_t months = 120;                 // over which a store is spread
  std::uint64_t streams_per_month = 20;       // of 100 events, that lie in one month
  std::uint64_t streams_in_all_months = 100;  // with an event in each
  std::uint64_t small_events = 1'000'000;     // of the stores that are compared
  std::uint64_t large_events = 10'000'000;
  std::uint64_t query_matches = 100;  // about as many events have both tags
  std::uint64_t queries = 20;
};

struct PostgresOptions {
  std::string database;       // its URL
  std::filesystem::path bin;  // of PostgreSQL's own programs
  std::size_t rounds = 5;
  double seconds = 2;                  // of a turn that has no other end
  std::vector<std::string> workloads;  // none: all
  std::string scale_name;
  PostgresScale scale;
  std::string json;
  std::string markdown;
  std::string commit;

  bool includes_workload(std::string_view name) const;
};

PostgresOptions parse_postgres_options(std::span<char* const> command_line);

}  // namespace eventstore::bench
