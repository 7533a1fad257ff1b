#pragma once

#include <string>
#include <vector>

#include "machine.hpp"
#include "options.hpp"
#include "results.hpp"
#include "targets.hpp"

namespace eventstore::bench {

// A run of the program, with what it found.
struct Run {
  const Options& options;
  const Results& results;
  Machine machine;
  double load_at_start = 0;
  double load_at_end = 0;
  double seconds = 0;
  std::vector<Verdict> verdicts = {};
};

// The measures of one setting of a workload, as a table for a terminal and for Markdown alike: a
// line for each candidate, a column for each quantity, medians with the least and the greatest. The
// last column says how many times as fast the engine is in the first quantity.
std::string measures_table(const Results& results, const std::string& workload,
                           const std::string& setting);
std::vector<std::string> settings_of(const Results& results, std::string_view workload);

// A line for each target: what was found, what is asked, and whether it is reached.
std::string targets_table(const std::vector<Verdict>& verdicts);

// Every value of every round.
std::string to_json(const Run& run);

// The page docs/benchmarks.md.
std::string to_markdown(const Run& run);

void write_file(const std::string& path, const std::string& text);

}  // namespace eventstore::bench
