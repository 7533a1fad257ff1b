#include "embedded_targets.hpp"

#include <fmt/format.h>

#include "bare_appender.hpp"
#include "candidate.hpp"

namespace eventstore::bench {
namespace {

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

}  // namespace

std::vector<Target> embedded_targets() {
  TargetList list;
  add_append_targets(list);
  add_read_targets(list);
  add_growth_targets(list);
  return list.take();
}

}  // namespace eventstore::bench
