// event-store-bench: what the store costs, beside what the machine and other stores cost.

#include <cstdio>
#include <span>
#include <string>

#include <fmt/format.h>

#include "child_process.hpp"
#include "data_sets.hpp"
#include "embedded_page.hpp"
#include "embedded_targets.hpp"
#include "machine.hpp"
#include "options.hpp"
#include "report.hpp"
#include "workloads.hpp"

namespace eventstore::bench {
namespace {

void remove_data(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("bench-")) {
      std::filesystem::remove_all(entry.path());
    }
  }
  std::error_code not_empty;  // somebody else's files stay
  std::filesystem::remove(folder, not_empty);
}

// What there is so far: a long run that is broken off leaves what it has measured.
void write_files(Run& run, const Options& options, const Stopwatch& watch) {
  run.seconds = watch.seconds();
  run.load_at_end = load_average();
  run.verdicts = judge_targets(run.results, embedded_targets());
  write_run(run, embedded_page(options), {.json = options.json, .markdown = options.markdown});
}

void run_workloads(Bench& bench, Run& run) {
  const Stopwatch total;
  for (const auto& workload : workloads()) {
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
  if (const auto code = run_as_child(command_line)) return *code;
  const auto options = parse_options(command_line);
  std::filesystem::create_directories(options.folder);
  Results results;
  Run run{.scale_name = options.scale_name,
          .rounds = options.rounds,
          .seed = options.seed,
          .results = results,
          .machine = describe_machine(options.folder, options.commit),
          .load_at_start = load_average()};
  if (run.machine.file_system == kInMemory && options.scale_name != "tiny") {
    fail(options.folder.string() + " is in memory: a sync costs nothing there");
  }
  DataSets data_sets(options);
  Bench bench{.options = options, .data_sets = data_sets, .results = results};
  run_workloads(bench, run);
  remove_data(options.folder);
  if (!run.verdicts.empty()) fmt::print("\n== Targets\n\n{}", targets_table(run.verdicts));
  return 0;
}

}  // namespace
}  // namespace eventstore::bench

int main(int argc, char** argv) {
  return eventstore::bench::run({argv, static_cast<std::size_t>(argc)});
}
