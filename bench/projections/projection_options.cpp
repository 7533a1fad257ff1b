#include "projection_options.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "arguments.hpp"
#include "projection_bench.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kUsage =
    "Usage: event-store-projection-bench [OPTION...]\n"
    "  --database URL    of a server on this machine; it makes schemas there, named bench_...,\n"
    "                    and drops them at the end\n"
    "  --folder bench-data  where embedded stores are: on the disk to measure; removed at the end\n"
    "  --engine E,...    embedded, postgres\n"
    "  --quick           little of everything: --scale small --rounds 1 --seconds 1\n"
    "  --rounds 5\n"
    "  --seconds 4       of each turn of appends\n"
    "  --workload J,...  J1 (counts), J2 (a document for each stream), J3 (rebuilds),\n"
    "                    J4 (latency), J5 (ten events of many), J6 (many subscribers)\n"
    "  --scale SCALE     full, small (a twentieth) or tiny (to test the program)\n"
    "  --json FILE       all values of all rounds\n"
    "  --markdown FILE   the page docs/benchmarks-projections.md\n"
    "  --commit TEXT     for the page, where git does not know it\n";

constexpr ProjectionScale kFull{};
constexpr ProjectionScale kSmall{.events = 50'000,
                                 .streams = 5'000,
                                 .loop_events = 300,
                                 .rebuilt_events = 20'000,
                                 .searched_events = 100'000,
                                 .subscribers = 1'000};
constexpr ProjectionScale kTiny{.events = 2'000,
                                .streams = 200,
                                .loop_events = 20,
                                .rebuilt_events = 1'000,
                                .searched_events = 2'000,
                                .subscribers = 20};

ProjectionScale scale_of(const Arguments& arguments, std::string_view name) {
  if (name == "full") return kFull;
  if (name == "small") return kSmall;
  if (name == "tiny") return kTiny;
  arguments.refuse(fmt::format("no scale: {}", name));
}

Engine engine_of(const Arguments& arguments, std::string_view name) {
  if (name == "embedded") return Engine::Embedded;
  if (name == "postgres") return Engine::Postgres;
  arguments.refuse(fmt::format("no engine: {}", name));
}

bool needs_server(const ProjectionBenchOptions& options) {
  return std::ranges::find(options.engines, Engine::Postgres) != options.engines.end();
}

void check(const ProjectionBenchOptions& options, const Arguments& arguments) {
  if (options.database.empty() && needs_server(options)) {
    arguments.refuse("--database is missing");
  }
  if (options.rounds == 0) arguments.refuse("no rounds");
  if (options.seconds < 1) arguments.refuse("no time");
  for (const auto& name : options.workloads) {
    const auto known = projection_workloads();
    if (std::ranges::find(known, name, &ProjectionWorkload::name) == known.end()) {
      arguments.refuse(fmt::format("no workload: {}", name));
    }
  }
}

}  // namespace

std::string_view name_of(Engine engine) {
  return engine == Engine::Embedded ? "embedded" : "PostgreSQL";
}

bool ProjectionBenchOptions::includes_workload(std::string_view name) const {
  return workloads.empty() || std::ranges::find(workloads, name) != workloads.end();
}

ProjectionBenchOptions parse_projection_options(std::span<char* const> command_line) {
  Arguments arguments(command_line, kUsage);
  const bool quick = arguments.flag("--quick");
  ProjectionBenchOptions options;
  options.database = arguments.text("--database", "");
  options.folder = arguments.text("--folder", "bench-data");
  options.rounds = arguments.number("--rounds", quick ? 1 : 5);
  options.seconds = static_cast<double>(arguments.number("--seconds", quick ? 1 : 4));
  for (const auto& name : arguments.names("--engine")) {
    options.engines.push_back(engine_of(arguments, name));
  }
  if (options.engines.empty()) options.engines = {Engine::Embedded, Engine::Postgres};
  options.workloads = arguments.names("--workload");
  options.scale_name = arguments.text("--scale", quick ? "small" : "full");
  options.scale = scale_of(arguments, options.scale_name);
  options.json = arguments.text("--json", "");
  options.markdown = arguments.text("--markdown", "");
  options.commit = arguments.text("--commit", "");
  arguments.finish();
  check(options, arguments);
  return options;
}

}  // namespace eventstore::bench
