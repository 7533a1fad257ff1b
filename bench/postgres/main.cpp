// event-store-postgres-bench: what the PostgreSQL engine costs, beside what PostgreSQL costs.

#include <filesystem>
#include <span>
#include <string>

#include <fmt/format.h>

#include "eventstore/postgres.hpp"
#include "postgres_bench.hpp"

namespace eventstore::bench {

std::string PostgresBench::store_url(std::string_view name) const {
  return fmt::format("{}?schema=bench_{}", url, name);
}

void PostgresBench::add(std::string_view workload, const std::string& setting,
                        std::string_view candidate, double rate) const {
  fmt::print(stderr, "  {} {} {}: {:.0f}/s\n", workload, setting, candidate, rate);
  results.add({std::string(workload), setting, std::string(candidate), std::string(kRate)},
              "events/s", rate);
}

namespace {

int run(std::span<char* const> arguments) {
  if (arguments.size() < 3) {
    fmt::print(stderr, "Usage: event-store-postgres-bench DATABASE_URL POSTGRESQL_BIN [ROUNDS]\n");
    return 2;
  }
  register_postgres_engine();
  Results results;
  PostgresBench bench{.url = arguments[1],
                      .bin = arguments[2],
                      .folder = std::filesystem::temp_directory_path(),
                      .results = results};
  if (arguments.size() > 3) bench.rounds = std::stoul(arguments[3]);
  run_single_appends(bench);
  for (const auto& measure : results.measures()) {
    const auto summary = summarize(measure.rounds);
    fmt::print("{:6} {:14} {:18} {:10.0f} ({:.0f}-{:.0f})\n", measure.name.workload,
               measure.name.setting, measure.name.candidate, summary.median, summary.min,
               summary.max);
  }
  return 0;
}

}  // namespace
}  // namespace eventstore::bench

int main(int argc, char** argv) {
  return eventstore::bench::run({argv, static_cast<std::size_t>(argc)});
}
