#include <string>

#include <fmt/format.h>

#include "report.hpp"

namespace eventstore::bench {
namespace {

// More than half of the processors were wanted by others.
bool was_busy(const Run& run) {
  return run.load_at_start > static_cast<double>(run.machine.cores) / 2;
}

constexpr std::string_view kBusy = R"(
**The machine was busy with other work.** Many of these times are of waiting for a processor (the kernel's turns are 4 ms), so that a difference
between candidates may be luck. Reads suffer less than appends: their medians are of work without waiting.
)";

std::string machine_text(const Run& run) {
  const auto& machine = run.machine;
  const auto seed = run.seed ? fmt::format(", seed {}", *run.seed) : "";
  const auto server = run.server.empty() ? "" : run.server + ".\n";
  return fmt::format(
      "Commit {}, {}; {} cores of {}, {:.0f} GiB of memory, {} on {}. {} rounds at the scale "
      "`{}`{}, in {:.0f} minutes.\n{}The load average was {:.2f} at the start (what else the "
      "machine had to do) and {:.2f} at the end.\n",
      machine.commit, machine.date, machine.cores, machine.processor,
      static_cast<double>(machine.memory_bytes) / (1 << 30), machine.file_system, machine.kernel,
      run.rounds, run.scale_name, seed, run.seconds / 60, server, run.load_at_start,
      run.load_at_end);
}

}  // namespace

std::string to_markdown(const Run& run, const PageTexts& texts) {
  auto text = std::string(texts.introduction) + machine_text(run);
  if (was_busy(run)) text += kBusy;
  if (!run.verdicts.empty()) {
    text += "\n## What was asked\n\n" + targets_table(run.verdicts);
    text += "\nSpeed is of rates, or of latencies the other way round: more is better.\n";
  }
  text += texts.method;
  for (const auto& section : texts.sections) {
    const auto settings = settings_of(run.results, section.workload);
    if (settings.empty()) continue;
    text += fmt::format("\n## {}\n\n{}\n", section.workload, section.what);
    for (const auto& setting : settings) {
      text += "\n" + measures_table(run.results, std::string(section.workload), setting);
    }
  }
  return text;
}

}  // namespace eventstore::bench
