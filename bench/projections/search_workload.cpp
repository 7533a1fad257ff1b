// J5: how long it takes until a subscription has few events out of many.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "harness.hpp"
#include "postgres/bulk_appends.hpp"
#include "projection_bench.hpp"

namespace eventstore::bench {
namespace {

constexpr std::uint64_t kWanted = 10;
constexpr auto kType = "WantedHere";
constexpr auto kCategory = "wanted";
constexpr auto kTag = "wanted:yes";

// In the order of kSearchKinds.
std::vector<SubscriptionFilter> filters() {
  return {{.types = {kType}},
          {.selector = SelectCategory{kCategory}},
          {.selector = Query::of({{.tags = {kTag}}})}};
}

// Each of the events that are wanted after a tenth of the others.
void fill_with_wanted(BenchStore& store, std::uint64_t events) {
  const EventGenerator generator({.events = events, .ids = false});
  const Stopwatch watch;
  for (std::uint64_t part = 0; part < kWanted; ++part) {
    fill_store(store.store(), generator, events * part / kWanted, events * (part + 1) / kWanted);
    AppendRequest request;
    request.events.push_back({.stream = fmt::format("{}-{}", kCategory, part),
                              .type = kType,
                              .data = "{}",
                              .tags = {kTag}});
    must(store.store().append(std::move(request)), "append");
  }
  store.settle();
  fmt::print(stderr, "  made a store of {} events in {:.0f} s\n", events, watch.seconds());
}

void search(BenchStore& store, const SubscriptionFilter& filter) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(10);
  const auto subscription = must(store.subscriptions().open({.filter = filter}), "open");
  std::uint64_t found = 0;
  while (true) {
    const auto delivery = must(subscription->next(deadline), "next");
    found += delivery.events.size();
    if (delivery.signal == SubscriptionSignal::CaughtUp) break;
  }
  if (found != kWanted) fail("a subscription does not find what matches");
}

}  // namespace

void run_search(const ProjectionBench& bench, Engine engine) {
  constexpr int kTimes = 10;
  BenchStore store(bench.options, engine, "J5");
  fill_with_wanted(store, bench.options.scale.searched_events);
  const auto wanted = filters();
  std::vector<std::function<void(std::size_t)>> turns;
  turns.reserve(kSearchKinds.size());
  for (std::size_t kind = 0; kind < kSearchKinds.size(); ++kind) {
    turns.emplace_back([&, kind](std::size_t) {
      Histogram latencies;
      for (int time = 0; time < kTimes; ++time) {
        const Stopwatch watch;
        search(store, wanted[kind]);
        latencies.record(watch.elapsed());
      }
      const auto setting = fmt::format("{}, {}", name_of(engine), kSearchKinds[kind]);
      bench.add_latencies({"J5", setting, kLongest}, kEngineName, latencies);
    });
  }
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
