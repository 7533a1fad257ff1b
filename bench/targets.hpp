#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results.hpp"

namespace eventstore::bench {

// What the engine shall reach: a measure, or how many times another measure of the same rounds it
// is, within a bound.
struct Target {
  std::string what;
  MeasureName of;
  std::optional<MeasureName> to = {};
  std::string unit = "times";
  enum class Bound : std::uint8_t { AtMost, AtLeast } bound = Bound::AtMost;
  double limit = 0;
  bool of_every_round = false;  // else of the median
};

// A target with what was measured.
struct Verdict {
  Target target;
  Summary found;
  bool reached = false;
};

// Of all targets whose measures are there.
std::vector<Verdict> judge_targets(const Results& results);

}  // namespace eventstore::bench
