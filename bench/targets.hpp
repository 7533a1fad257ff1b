#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

// A measure but for the candidate.
struct Place {
  std::string_view workload;
  std::string_view setting;
  std::string_view quantity;
};
MeasureName named(const Place& place, std::string_view candidate);

// Targets of the engine, whose name among the candidates is kEngineName.
class TargetList {
 public:
  // How many times as fast as another the engine is: of rates, or of times the other way round.
  void faster(const Place& place, std::string_view than, double limit);
  void at_most(const Place& place, std::string_view unit, double limit);
  void at_least(const Place& place, std::string_view unit, double limit);
  void at_most_ever(const Place& place, std::string_view unit, double limit);
  void ratio_at_most(std::string_view what, MeasureName of, MeasureName to, double limit);
  void ratio_at_least(std::string_view what, MeasureName of, MeasureName to, double limit);

  std::vector<Target> take() { return std::move(targets_); }

 private:
  std::vector<Target> targets_;
};

// A target with what was measured.
struct Verdict {
  Target target;
  Summary found;
  bool reached = false;
};

// Of those targets whose measures are there.
std::vector<Verdict> judge_targets(const Results& results, std::vector<Target> targets);

}  // namespace eventstore::bench
