#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "eventstore/result.hpp"

namespace eventstore::bench {

// What all benchmarks share: candidates measured in rounds, medians with their spread, a report.

// A benchmark has no use for going on after a failure: it says what failed and exits with 1.
[[noreturn]] void fail(std::string_view what);
[[noreturn]] void fail_with_errno(std::string_view call);
[[noreturn]] void fail(std::string_view what, const Error& error);

template <typename T>
T must(Result<T> result, std::string_view what) {
  if (!result) fail(what, result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Seconds since it was made.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// The values of one measurement over the rounds.
struct Summary {
  double median = 0;
  double min = 0;
  double max = 0;
};
Summary summarize(std::vector<double> values);

// The value that `fraction` of the sorted samples do not exceed (nearest rank).
double percentile(std::span<const double> sorted, double fraction);

// What one candidate did in one round.
struct Sample {
  double seconds = 0;
  std::uint64_t operations = 0;
  std::vector<double> latencies_us;  // in any order; may be empty
};

struct Candidate {
  std::string name;
  std::function<Sample(std::size_t round)> run;
};

// The rounds of one candidate, condensed: one value a round in each.
struct Measured {
  std::string name;
  std::vector<double> rates;  // operations a second
  std::vector<double> median_us;
  std::vector<double> p99_us;
};

// Runs every candidate once a round. Each round begins with the next candidate, and every other
// round goes through them backwards, so that none always has the same neighbour. What they measure
// comes back in the order of `candidates`.
std::vector<Measured> run_rounds(std::span<const Candidate> candidates, std::size_t rounds);

// Round by round, the ratio of two measurements made in the same round.
std::vector<double> ratios(std::span<const double> of, std::span<const double> to);

// Prints each result as it comes, and keeps them all for a JSON file: an object with an array
// "results" of {"name","unit","median","min","max"}.
class Report {
 public:
  void heading(std::string_view text) const;
  void add(std::string_view name, std::string_view unit, Summary values);
  void add(std::string_view name, std::string_view unit, std::vector<double> values) {
    add(name, unit, summarize(std::move(values)));
  }
  // Does nothing where `path` is empty.
  void write_json(const std::string& path) const;

 private:
  struct Line {
    std::string name;
    std::string unit;
    Summary values;
  };
  std::vector<Line> lines_;
};

// Makes `path` a new, empty folder. Removes what a run before left there, but only where its name
// says that it is a benchmark's.
void make_empty_folder(const std::filesystem::path& path);

}  // namespace eventstore::bench
