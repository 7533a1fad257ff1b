#include "targets.hpp"

#include <fmt/format.h>

#include "bare_appender.hpp"
#include "candidate.hpp"

namespace eventstore::bench {
namespace {

using Bound = Target::Bound;

struct Place {
  std::string_view workload;
  std::string_view setting;
  std::string_view quantity;
};

MeasureName named(const Place& place, std::string_view candidate) {
  return {.workload = std::string(place.workload),
          .setting = std::string(place.setting),
          .candidate = std::string(candidate),
          .quantity = std::string(place.quantity)};
}

class TargetList {
 public:
  // How many times as fast as another the engine is: of rates, or of times the other way round.
  void faster(const Place& place, std::string_view than, double limit) {
    const bool is_rate = place.quantity == kRate;
    const auto& first = is_rate ? kEngineName : than;
    const auto& second = is_rate ? than : kEngineName;
    targets_.push_back({.what = fmt::format("{}: speed, event-store / {}", place.setting, than),
                        .of = named(place, first),
                        .to = named(place, second),
                        .bound = Bound::AtLeast,
                        .limit = limit});
  }

  void at_most(const Place& place, std::string_view unit, double limit) {
    targets_.push_back({.what = fmt::format("{}: {}", place.setting, place.quantity),
                        .of = named(place, kEngineName),
                        .unit = std::string(unit),
                        .limit = limit});
  }

  void at_least(const Place& place, std::string_view unit, double limit) {
    at_most(place, unit, limit);
    targets_.back().bound = Bound::AtLeast;
  }

  void at_most_ever(const Place& place, std::string_view unit, double limit) {
    at_most(place, unit, limit);
    targets_.back().of_every_round = true;
  }

  void ratio_at_most(std::string_view what, MeasureName of, MeasureName to, double limit) {
    targets_.push_back(
        {.what = std::string(what), .of = std::move(of), .to = std::move(to), .limit = limit});
  }

  std::vector<Target> take() { return std::move(targets_); }

 private:
  std::vector<Target> targets_;
};

void add_append_targets(TargetList& list) {
  const Place single{"W1", "1 thread", kMedian};
  list.ratio_at_most("1 thread: median latency, event-store / bare", named(single, kEngineName),
                     named(single, kBareName), 1.15);
  for (const auto other : {kRocksDbName, kLmdbName, kSqliteName}) list.faster(single, other, 1);

  const Place parallel{"W2", "32 threads", kRate};
  list.faster(parallel, kBareGatheringName, 0.7);
  list.faster(parallel, kRocksDbName, 3);
  list.faster(parallel, kLmdbName, 15);
  list.faster(parallel, kSqliteName, 15);

  list.faster({"W3", "1 thread, batches of 100", kRate}, kBareName, 0.7);
  const Place batches{"W3", "8 threads, batches of 100", kRate};
  list.faster(batches, kBareGatheringName, 0.65);
  list.faster(batches, kLmdbName, 3);
  list.faster(batches, kRocksDbName, 3);

  const Place bulk{"W4", "1 thread", kRate};
  list.faster(bulk, kBareName, 0.7);
  list.faster(bulk, kBareGrowingName, 0.7);
  list.faster(bulk, kLmdbName, 1.5);
}

void add_read_targets(TargetList& list) {
  for (const auto* const threads : {"1 thread", "2 threads"}) {
    const Place stream{"R1", threads, kMedian};
    list.faster(stream, kLmdbName, 2.5);
    list.faster(stream, kSqliteName, 5);
    list.faster(stream, kRocksDbName, 10);
  }
  const Place scan{"R2", "1 thread", kRate};
  list.faster(scan, kBareName, 0.6);
  list.faster(scan, kLmdbName, 1);
  list.faster(scan, kRocksDbName, 5);

  for (const auto* const what : {"type", "type and two tags"}) {
    const auto large = fmt::format("{}, large store", what);
    const auto small = fmt::format("{}, small store", what);
    list.ratio_at_most(fmt::format("{}: median latency, large store / small store", what),
                       named({"R3", large, kMedian}, kEngineName),
                       named({"R3", small, kMedian}, kEngineName), 1.3);
  }
  list.at_most({"R4", "1 thread", kMedian}, "us", 2);
}

void add_growth_targets(TargetList& list) {
  list.at_most({"O1", "after a clean close", "opening"}, "ms", 200);
  list.at_most({"O1", "after kill -9", "opening"}, "ms", 1'000);
  list.at_most({"O1", "after a clean close", "memory"}, "MB", 268);
  list.ratio_at_most("p99 latency of an append, large store / a hundredth",
                     named({"P1", "1 thread, the large store", kP99}, kEngineName),
                     named({"P1", "1 thread, a hundredth of the events", kP99}, kEngineName), 1.3);
  list.at_most_ever({"S1", "1 thread, batches of 100", kLongest}, "us", 50'000);
  list.at_least({"S2", "half of the streams deleted", kRate}, "MB/s", 100);
  list.at_most_ever({"S2", "appends meanwhile", kLongest}, "us", 50'000);
  list.at_most({"D1", "the size for the target", "of 1.1 x payload + 128 an event"}, "times", 1);
}

std::vector<Target> all_targets() {
  TargetList list;
  add_append_targets(list);
  add_read_targets(list);
  add_growth_targets(list);
  return list.take();
}

}  // namespace

std::vector<Verdict> judge_targets(const Results& results) {
  std::vector<Verdict> verdicts;
  for (auto& target : all_targets()) {
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
