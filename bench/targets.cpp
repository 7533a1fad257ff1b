#include "targets.hpp"

#include <fmt/format.h>

namespace eventstore::bench {

using Bound = Target::Bound;

MeasureName named(const Place& place, std::string_view candidate) {
  return {.workload = std::string(place.workload),
          .setting = std::string(place.setting),
          .candidate = std::string(candidate),
          .quantity = std::string(place.quantity)};
}

void TargetList::faster(const Place& place, std::string_view than, double limit) {
  const bool is_rate = place.quantity == kRate;
  const auto& first = is_rate ? kEngineName : than;
  const auto& second = is_rate ? than : kEngineName;
  ratio_at_least(fmt::format("{}: speed, event-store / {}", place.setting, than),
                 named(place, first), named(place, second), limit);
}

void TargetList::at_most(const Place& place, std::string_view unit, double limit) {
  targets_.push_back({.what = fmt::format("{}: {}", place.setting, place.quantity),
                      .of = named(place, kEngineName),
                      .unit = std::string(unit),
                      .limit = limit});
}

void TargetList::at_least(const Place& place, std::string_view unit, double limit) {
  at_most(place, unit, limit);
  targets_.back().bound = Bound::AtLeast;
}

void TargetList::at_most_ever(const Place& place, std::string_view unit, double limit) {
  at_most(place, unit, limit);
  targets_.back().of_every_round = true;
}

void TargetList::ratio_at_most(std::string_view what, MeasureName of, MeasureName to,
                               double limit) {
  targets_.push_back(
      {.what = std::string(what), .of = std::move(of), .to = std::move(to), .limit = limit});
}

void TargetList::ratio_at_least(std::string_view what, MeasureName of, MeasureName to,
                                double limit) {
  ratio_at_most(what, std::move(of), std::move(to), limit);
  targets_.back().bound = Bound::AtLeast;
}

std::vector<Verdict> judge_targets(const Results& results, std::vector<Target> targets) {
  std::vector<Verdict> verdicts;
  for (auto& target : targets) {
    const auto* const of = results.find(target.of);
    const auto* const to = target.to ? results.find(*target.to) : nullptr;
    if (of == nullptr || (target.to && to == nullptr)) continue;
    const auto found = summarize(to != nullptr ? ratios(of->rounds, to->rounds) : of->rounds);
    const auto judged = target.of_every_round ? found.max : found.median;
    const bool reached =
        target.bound == Bound::AtMost ? judged <= target.limit : judged >= target.limit;
    verdicts.push_back({.target = std::move(target), .found = found, .reached = reached});
  }
  return verdicts;
}

}  // namespace eventstore::bench
