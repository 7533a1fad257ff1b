#include "projection_targets.hpp"

#include <fmt/format.h>

#include "projection_bench.hpp"

namespace eventstore::bench {

std::vector<Target> projection_targets() {
  constexpr auto kEmbedded = "embedded";
  constexpr auto kPostgres = "PostgreSQL";
  TargetList list;
  list.at_least({"J1", kEmbedded, kRate}, "events/s", 1'000'000);
  list.faster({"J1", kPostgres, kRate}, kScanName, 0.4);
  list.at_least({"J2", kEmbedded, kRate}, "events/s", 100'000);
  list.at_least({"J2", kPostgres, kRate}, "events/s", 30'000);
  for (const auto* const engine : {kEmbedded, kPostgres}) {
    list.faster({"J3", engine, kRate}, kOneWorkerName, 1.5);
    list.at_most_ever({"J3", engine, kLag}, "ms", 1'000);
  }
  list.at_most({"J4", kEmbedded, kP99}, "us", 1'000);
  list.at_most({"J4", kPostgres, kP99}, "us", 10'000);
  for (const auto* const engine : {kEmbedded, kPostgres}) {
    for (const auto kind : kSearchKinds) {
      list.at_most({"J5", fmt::format("{}, {}", engine, kind), kLongest}, "us", 100'000);
    }
  }
  return list.take();
}

}  // namespace eventstore::bench
