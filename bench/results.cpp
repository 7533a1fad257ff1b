#include "results.hpp"

#include <algorithm>

namespace eventstore::bench {

void Results::add(const MeasureName& name, std::string_view unit, double value) {
  auto found = std::ranges::find(measures_, name, &Measure::name);
  if (found == measures_.end()) {
    measures_.push_back({.name = name, .unit = std::string(unit), .rounds = {}});
    found = measures_.end() - 1;
  }
  found->rounds.push_back(value);
}

void Results::add_latencies(const MeasureName& name, const Histogram& latencies) {
  const auto add_one = [&](std::string_view quantity, double value) {
    auto named = name;
    named.quantity = quantity;
    add(named, "us", value);
  };
  add_one(kMedian, latencies.percentile_us(0.5));
  add_one(kP99, latencies.percentile_us(0.99));
  add_one(kLongest, latencies.max_us());
}

const Measure* Results::find(const MeasureName& name) const {
  const auto found = std::ranges::find(measures_, name, &Measure::name);
  return found == measures_.end() ? nullptr : &*found;
}

std::vector<double> ratios(std::span<const double> of, std::span<const double> to) {
  std::vector<double> result;
  for (std::size_t i = 0; i < std::min(of.size(), to.size()); ++i) result.push_back(of[i] / to[i]);
  return result;
}

}  // namespace eventstore::bench
