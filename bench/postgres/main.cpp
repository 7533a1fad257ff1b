// event-store-postgres-bench: what the PostgreSQL engine costs, beside what PostgreSQL costs.

#include <filesystem>
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

}  // namespace eventstore::bench

int main(int argc, char** argv) {
  using namespace eventstore::bench;
  eventstore::register_postgres_engine();
  Results results;
  PostgresBench bench{.url = argv[1], .bin = argv[2], .folder = "/tmp", .results = results};
  if (argc > 3) bench.rounds = static_cast<std::size_t>(std::stoi(argv[3]));
  run_single_appends(bench);
  for (const auto& measure : results.measures()) {
    const auto summary = summarize(measure.rounds);
    fmt::print("{:6} {:14} {:18} {:10.0f} ({:.0f}-{:.0f})\n", measure.name.workload,
               measure.name.setting, measure.name.candidate, summary.median, summary.min,
               summary.max);
  }
  return 0;
}
