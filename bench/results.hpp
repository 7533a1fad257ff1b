#pragma once

#include <chrono>
#include <compare>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness.hpp"
#include "histogram.hpp"

namespace eventstore::bench {

// What was measured: "rate" of "lmdb" in "W3", "8 threads, batches of 100".
struct MeasureName {
  std::string workload;
  std::string setting;
  std::string candidate;
  std::string quantity;
  auto operator<=>(const MeasureName&) const = default;
};

// One value for each round. A quantity "a second" is better when greater, any other when less.
struct Measure {
  MeasureName name;
  std::string unit;
  std::vector<double> rounds;

  bool is_better_when_greater() const { return unit.ends_with("/s"); }
};

// All that a run of the program measures, in the order in which it came.
class Results {
 public:
  void add(const MeasureName& name, std::string_view unit, double value);

  // What there is of latencies: median, p99 and greatest, in microseconds.
  void add_latencies(const MeasureName& name, const Histogram& latencies);

  std::span<const Measure> measures() const { return measures_; }
  const Measure* find(const MeasureName& name) const;  // null: not measured

 private:
  std::vector<Measure> measures_;
};

// Round by round, the ratio of two measurements made in the same round.
std::vector<double> ratios(std::span<const double> of, std::span<const double> to);

// The candidate that all others are measured beside.
inline constexpr std::string_view kEngineName = "event-store";

inline constexpr std::string_view kRate = "rate";
inline constexpr std::string_view kMedian = "median";
inline constexpr std::string_view kP99 = "p99";
inline constexpr std::string_view kLongest = "longest";

}  // namespace eventstore::bench
