#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "harness.hpp"
#include "histogram.hpp"
#include "results.hpp"

namespace eventstore::bench {

// What a workload of the PostgreSQL engine is given to work with.
struct PostgresBench {
  std::string url;               // of a database of the server
  std::filesystem::path bin;     // PostgreSQL's own programs
  std::filesystem::path folder;  // for files
  std::size_t rounds = 5;
  Results& results;

  // The URL of a new store in a schema of its own.
  std::string store_url(std::string_view name) const;
  void add(std::string_view workload, const std::string& setting, std::string_view candidate,
           double rate) const;
};

void run_single_appends(PostgresBench& bench);

}  // namespace eventstore::bench
