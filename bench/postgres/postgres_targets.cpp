#include "postgres_targets.hpp"

#include <fmt/format.h>

#include "postgres_bench.hpp"

namespace eventstore::bench {
namespace {

void add_append_targets(TargetList& list) {
  const Place one{"P1", "1 client", kRate};
  list.ratio_at_most("1 client: time of an append, event-store / pgbench", named(one, kPgbenchName),
                     named(one, kEngineName), 1.3);
  const Place some{"P1", "32 clients", kRate};
  list.faster(some, kPgbenchName, 2.5);
  list.faster(some, kGroupsName, 0.65);
  const Place many{"P1", "128 clients", kRate};
  list.ratio_at_least("128 clients: speed, event-store / pgbench with 32", named(many, kEngineName),
                      named(some, kPgbenchName), 3);
  list.faster(many, kGroupsName, 0.65);

  list.faster({"P2", "8 processes of 4 threads", kRate}, kPgbenchName, 1);
  list.faster({"P3", "8 threads, batches of 100", kRate}, kInsertName, 0.6);
  list.faster({"P4", "appends of 1,000, 8 under way", kRate}, kCopyName, 0.6);
}

void add_read_targets(TargetList& list) {
  const Place stream{"P5", "streams of 100", kMedian};
  list.ratio_at_most("streams of 100: median latency, event-store / bare select",
                     named(stream, kEngineName), named(stream, kSelectName), 1.3);
  list.faster({"P6", "everything", kRate}, kSelectName, 0.8);
}

void add_growth_targets(TargetList& list) {
  for (const auto* const setting :
       {"appends of one event", "a stream in one month", "100 events from any position"}) {
    const Place place{"P7", setting, kMedian};
    list.ratio_at_most(fmt::format("{}: median latency, many months / one", setting),
                       named(place, kManyMonthsName), named(place, kOneMonthName), 1.2);
  }
  const Place append{"P8", "appends of one event", kP99};
  list.ratio_at_most("appends of one event: p99 latency, large store / small store",
                     named(append, kLargeStoreName), named(append, kSmallStoreName), 1.3);
  const Place query{"P8", "query by two tags", kMedian};
  list.ratio_at_most("query by two tags: median latency, large store / small store",
                     named(query, kLargeStoreName), named(query, kSmallStoreName), 1.3);
  list.at_most({"P9", "200 appends a second", kP99}, "us", 10'000);
}

}  // namespace

std::vector<Target> postgres_targets() {
  TargetList list;
  add_append_targets(list);
  add_read_targets(list);
  add_growth_targets(list);
  return list.take();
}

}  // namespace eventstore::bench
