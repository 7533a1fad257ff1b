#include "options.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "arguments.hpp"
#include "bare_appender.hpp"
#include "workloads.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kUsage =
    "Usage: event-store-bench [OPTION...]\n"
    "  --quick           little of everything: --scale small --rounds 2\n"
    "  --scale SCALE     full, small (a fiftieth) or tiny (to test the program)\n"
    "  --rounds 5\n"
    "  --workload W,...  W1, W2, W3, W4 (appends), R1, R2, R3, R4 (reads), O1 (opening),\n"
    "                    P1 (appends to a large store), S1 (stalls), S2 (scavenging),\n"
    "                    D1 (disk use)\n"
    "  --candidate C,... event-store, rocksdb, lmdb, sqlite, bare, bare-gathering, bare-growing\n"
    "  --folder bench-data  where to write: on the disk to measure; removed at the end\n"
    "  --seed 1          other events, other choices\n"
    "  --json FILE       all values of all rounds\n"
    "  --markdown FILE   the page docs/benchmarks.md\n"
    "  --commit TEXT     for the page, where git does not know it\n";

constexpr Scale kFull{};
constexpr Scale kSmall{.small_events = 20'000,
                       .large_events = 200'000,
                       .single_appends = 300,
                       .group_appends = 6'400,
                       .batch_events = 40'000,
                       .bulk_events = 50'000,
                       .append_seconds_max = 0.5,
                       .stream_reads = 200,
                       .lookups = 10'000,
                       .queries = 5,
                       .query_matches = 100,
                       .killed_events = 20'000,
                       .stall_bytes = std::uint64_t{150} << 20,
                       .disk_bytes = std::uint64_t{150} << 20};
constexpr Scale kTiny{.small_events = 2'000,
                      .large_events = 4'000,
                      .single_appends = 20,
                      .group_appends = 320,
                      .batch_events = 2'000,
                      .bulk_events = 2'000,
                      .append_seconds_max = 0.2,
                      .stream_reads = 20,
                      .lookups = 100,
                      .queries = 2,
                      .query_matches = 20,
                      .killed_events = 2'000,
                      .stall_bytes = std::uint64_t{2} << 20,
                      .disk_bytes = std::uint64_t{2} << 20};

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_workload(std::string_view name) {
  return std::ranges::any_of(workloads(), [&](const auto& known) { return known.name == name; });
}

bool is_candidate(std::string_view name) {
  constexpr std::array kBare = {kBareName, kBareGatheringName, kBareGrowingName};
  return find_store_kind(name) != nullptr || std::ranges::find(kBare, name) != kBare.end();
}

Scale scale_of(const Arguments& arguments, std::string_view name) {
  if (name == "full") return kFull;
  if (name == "small") return kSmall;
  if (name == "tiny") return kTiny;
  arguments.refuse(fmt::format("no scale: {}", name));
}

}  // namespace

bool Options::includes_workload(std::string_view name) const {
  return workloads.empty() || contains(workloads, name);
}

bool Options::includes_candidate(std::string_view name) const {
  return candidates.empty() || contains(candidates, name);
}

std::vector<StoreKind> Options::stores() const {
  std::vector<StoreKind> kinds;
  for (const auto& kind : store_kinds()) {
    if (includes_candidate(kind.name)) kinds.push_back(kind);
  }
  return kinds;
}

Options parse_options(std::span<char* const> command_line) {
  Arguments arguments(command_line, kUsage);
  const bool quick = arguments.flag("--quick");
  Options options;
  options.folder = arguments.text("--folder", "bench-data");
  options.workloads = arguments.names("--workload");
  options.candidates = arguments.names("--candidate");
  options.rounds = arguments.number("--rounds", quick ? 2 : 5);
  options.scale_name = arguments.text("--scale", quick ? "small" : "full");
  options.scale = scale_of(arguments, options.scale_name);
  options.seed = arguments.number("--seed", 1);
  options.json = arguments.text("--json", "");
  options.markdown = arguments.text("--markdown", "");
  options.commit = arguments.text("--commit", "");
  arguments.finish();
  for (const auto& name : options.workloads) {
    if (!is_workload(name)) arguments.refuse(fmt::format("no workload: {}", name));
  }
  for (const auto& name : options.candidates) {
    if (!is_candidate(name)) {
      arguments.refuse(fmt::format("no candidate, or not built in: {}", name));
    }
  }
  if (options.rounds == 0) arguments.refuse("no rounds");
  return options;
}

}  // namespace eventstore::bench
