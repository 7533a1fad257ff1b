// event-store-projection-bench: what projections and subscriptions cost, on both engines.

#include <cstdio>
#include <filesystem>
#include <span>
#include <string>

#include <fmt/format.h>

#include "eventstore/postgres.hpp"
#include "postgres/session.hpp"
#include "projection_bench.hpp"
#include "projection_options.hpp"
#include "projection_page.hpp"
#include "projection_targets.hpp"
#include "report.hpp"

namespace eventstore::bench {
namespace {

// What there is so far: a long run that is broken off leaves what it has measured.
void write_files(Run& run, const ProjectionBenchOptions& options, const Stopwatch& watch) {
  run.seconds = watch.seconds();
  run.load_at_end = load_average();
  run.verdicts = judge_targets(run.results, projection_targets());
  write_run(run, projection_page(options), {.json = options.json, .markdown = options.markdown});
}

void run_workloads(const ProjectionBench& bench, Run& run) {
  const Stopwatch total;
  for (const auto& workload : projection_workloads()) {
    if (!bench.options.includes_workload(workload.name)) continue;
    fmt::print("\n== {}: {}\n", workload.name, workload.what);
    std::fflush(stdout);
    const Stopwatch watch;
    for (const auto engine : bench.options.engines) workload.run(bench, engine);
    print_results(bench.results, workload.name);
    fmt::print(stderr, "  {} took {:.0f} s\n", workload.name, watch.seconds());
    write_files(run, bench.options, total);
  }
}

int run(std::span<char* const> command_line) {
  const auto options = parse_projection_options(command_line);
  register_postgres_engine();
  std::filesystem::create_directories(options.folder);
  Results results;
  Run run{.scale_name = options.scale_name,
          .rounds = options.rounds,
          .server = options.database.empty() ? "" : describe_server(*connect(options.database)),
          .results = results,
          .machine = describe_machine(options.folder, options.commit),
          .load_at_start = load_average()};
  if (run.machine.file_system == kInMemory && options.scale_name != "tiny") {
    fail(options.folder.string() + " is in memory: a sync costs nothing there");
  }
  run_workloads({.options = options, .results = results}, run);
  std::error_code not_empty;  // somebody else's files stay
  std::filesystem::remove(options.folder, not_empty);
  if (!run.verdicts.empty()) fmt::print("\n== Targets\n\n{}", targets_table(run.verdicts));
  return 0;
}

}  // namespace
}  // namespace eventstore::bench

int main(int argc, char** argv) {
  return eventstore::bench::run({argv, static_cast<std::size_t>(argc)});
}
