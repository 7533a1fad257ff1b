// event-store-postgres-bench: what the PostgreSQL engine costs, beside what PostgreSQL costs.

#include <cstdio>
#include <span>
#include <string>

#include <fmt/format.h>

#include "appending_processes.hpp"
#include "eventstore/postgres.hpp"
#include "postgres_bench.hpp"
#include "postgres_options.hpp"
#include "postgres_page.hpp"
#include "postgres_targets.hpp"
#include "report.hpp"
#include "session.hpp"

namespace eventstore::bench {
namespace {

// What there is so far: a long run that is broken off leaves what it has measured.
void write_files(Run& run, const PostgresOptions& options, const Stopwatch& watch) {
  run.seconds = watch.seconds();
  run.load_at_end = load_average();
  run.verdicts = judge_targets(run.results, postgres_targets());
  write_run(run, postgres_page(options), {.json = options.json, .markdown = options.markdown});
}

void run_workloads(const PostgresBench& bench, Run& run) {
  const Stopwatch total;
  for (const auto& workload : postgres_workloads()) {
    if (!bench.options.includes_workload(workload.name)) continue;
    fmt::print("\n== {}: {}\n", workload.name, workload.what);
    std::fflush(stdout);
    const Stopwatch watch;
    workload.run(bench);
    print_results(bench.results, workload.name);
    fmt::print(stderr, "  {} took {:.0f} s\n", workload.name, watch.seconds());
    write_files(run, bench.options, total);
  }
}

int run(std::span<char* const> command_line) {
  if (const auto code = run_as_appending_process(command_line)) return *code;
  const auto options = parse_postgres_options(command_line);
  register_postgres_engine();
  const auto connection = connect(options.database);
  Results results;
  Run run{
      .scale_name = options.scale_name,
      .rounds = options.rounds,
      .server = describe_server(*connection),
      .results = results,
      .machine = describe_machine(ask_for_text(*connection, "SHOW data_directory"), options.commit),
      .load_at_start = load_average()};
  if (run.machine.file_system == kInMemory && options.scale_name != "tiny") {
    fail("the server's files are in memory: a sync costs nothing there");
  }
  run_workloads({.options = options, .results = results}, run);
  if (!run.verdicts.empty()) fmt::print("\n== Targets\n\n{}", targets_table(run.verdicts));
  return 0;
}

}  // namespace
}  // namespace eventstore::bench

int main(int argc, char** argv) {
  return eventstore::bench::run({argv, static_cast<std::size_t>(argc)});
}
