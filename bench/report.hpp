#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "machine.hpp"
#include "results.hpp"
#include "targets.hpp"

namespace eventstore::bench {

// A run of a program, with what it found.
struct Run {
  std::string scale_name;
  std::size_t rounds = 0;
  std::optional<std::uint64_t> seed = {};  // absent: there is no choice
  std::string server = {};                 // what was measured; empty: this process
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

// What a page of results says beside them.
struct PageSection {
  std::string_view workload;
  std::string_view what;  // a sentence
};
struct PageTexts {
  std::string_view introduction;
  std::string method;
  std::vector<PageSection> sections;  // in the order of the workloads
};
std::string to_markdown(const Run& run, const PageTexts& texts);

// Prints the tables of a workload.
void print_results(const Results& results, std::string_view workload);

// Where to write a run; empty: nowhere.
struct RunFiles {
  std::string json;
  std::string markdown;
};
void write_run(const Run& run, const PageTexts& texts, const RunFiles& files);

}  // namespace eventstore::bench
