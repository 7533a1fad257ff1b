#include "postgres_options.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "arguments.hpp"
#include "postgres_bench.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kUsage =
    "Usage: event-store-postgres-bench --database URL --postgresql-bin DIR [OPTION...]\n"
    "  --database URL    of a server on this machine; it makes schemas and tables there, named\n"
    "                    bench_..., and drops them at the end\n"
    "  --postgresql-bin DIR  where the server's pgbench is\n"
    "  --rounds 5\n"
    "  --seconds 2       of each turn\n"
    "  --workload P,...  P1, P2, P3, P4 (appends), P5, P6 (reads), P7 (many months),\n"
    "                    P8 (growth), P9 (delivery)\n"
    "  --scale SCALE     full, small (a fiftieth) or tiny (to test the program)\n"
    "  --json FILE       all values of all rounds\n"
    "  --markdown FILE   the page docs/benchmarks-postgresql.md\n"
    "  --commit TEXT     for the page, where git does not know it\n";

constexpr PostgresScale kFull{};
constexpr PostgresScale kSmall{.bulk_events = 20'000,
                               .read_events = 20'000,
                               .months = 120,
                               .streams_per_month = 2,
                               .streams_in_all_months = 20,
                               .small_events = 20'000,
                               .large_events = 200'000,
                               .query_matches = 100,
                               .queries = 10};
constexpr PostgresScale kTiny{.bulk_events = 2'000,
                              .read_events = 2'000,
                              .months = 6,
                              .streams_per_month = 1,
                              .streams_in_all_months = 2,
                              .small_events = 1'000,
                              .large_events = 3'000,
                              .query_matches = 20,
                              .queries = 3};

PostgresScale scale_of(const Arguments& arguments, std::string_view name) {
  if (name == "full") return kFull;
  if (name == "small") return kSmall;
  if (name == "tiny") return kTiny;
  arguments.refuse(fmt::format("no scale: {}", name));
}

void check(const PostgresOptions& options, const Arguments& arguments) {
  if (options.database.empty()) arguments.refuse("--database is missing");
  if (options.bin.empty()) arguments.refuse("--postgresql-bin is missing");
  if (options.rounds == 0) arguments.refuse("no rounds");
  if (options.seconds < 1) arguments.refuse("no time");
  for (const auto& name : options.workloads) {
    if (std::ranges::find(postgres_workloads(), name, &PostgresWorkload::name) ==
        postgres_workloads().end()) {
      arguments.refuse(fmt::format("no workload: {}", name));
    }
  }
}

}  // namespace

bool PostgresOptions::includes_workload(std::string_view name) const {
  return workloads.empty() || std::ranges::find(workloads, name) != workloads.end();
}

PostgresOptions parse_postgres_options(std::span<char* const> command_line) {
  Arguments arguments(command_line, kUsage);
  PostgresOptions options;
  options.database = arguments.text("--database", "");
  options.bin = arguments.text("--postgresql-bin", "");
  options.rounds = arguments.number("--rounds", 5);
  options.seconds = static_cast<double>(arguments.number("--seconds", 2));
  options.workloads = arguments.names("--workload");
  options.scale_name = arguments.text("--scale", "full");
  options.scale = scale_of(arguments, options.scale_name);
  options.json = arguments.text("--json", "");
  options.markdown = arguments.text("--markdown", "");
  options.commit = arguments.text("--commit", "");
  arguments.finish();
  check(options, arguments);
  return options;
}

}  // namespace eventstore::bench
