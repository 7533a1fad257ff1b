// P9: how long it takes until a subscriber has what was appended.

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "eventstore/open.hpp"
#include "generated_events.hpp"
#include "postgres_bench.hpp"
#include "scratch_store.hpp"

namespace eventstore::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Place kPlace{"P9", "200 appends a second", kP99};
constexpr std::chrono::milliseconds kBetweenAppends{5};
constexpr std::string_view kLastType = "SubscriberDone";

// Takes what comes after a position, up to the event of the last type. Returns when it had each.
std::vector<Clock::time_point> subscribe(EventStore& store, GlobalPosition after) {
  constexpr std::chrono::seconds kLongest{60};  // without any event
  std::vector<Clock::time_point> taken;
  while (true) {
    must(store.wait_past(after, Clock::now() + kLongest, {}), "wait");
    const auto cursor = must(store.read({.from = after.value + 1}), "read");
    while (true) {
      const auto events = must(cursor->next(), "read");
      if (events.empty()) break;
      for (const auto& event : events) {
        taken.push_back(Clock::now());
        if (event.position.value != ++after.value) fail("the subscriber missed an event");
        consume(sum_of(event.data));
        if (event.type == kLastType) return taken;
      }
    }
  }
}

// Appends one event after another at a steady pace. Returns when each append returned.
std::vector<Clock::time_point> append_steadily(EventStore& store, double seconds,
                                               const std::string& stream) {
  const EventGenerator generator({.ids = false});
  const auto count =
      static_cast<std::uint64_t>(seconds / std::chrono::duration<double>(kBetweenAppends).count());
  std::vector<Clock::time_point> returned;
  auto next = Clock::now();
  for (std::uint64_t number = 0; number < count; ++number) {
    AppendRequest request;
    request.events.push_back(generator.make(number));
    request.events.back().stream = stream;
    if (number + 1 == count) request.events.back().type = kLastType;
    must(store.append(std::move(request)), "append");
    returned.push_back(Clock::now());
    next += kBetweenAppends;
    std::this_thread::sleep_until(next);
  }
  return returned;
}

void run_once(const PostgresBench& bench, EventStore& appender, EventStore& subscriber,
              std::size_t round) {
  const auto head = must(appender.head(), "head");
  std::vector<Clock::time_point> taken;
  std::jthread subscription([&] { taken = subscribe(subscriber, head); });
  const auto returned =
      append_steadily(appender, bench.options.seconds, fmt::format("order-{}", round));
  subscription.join();
  if (taken.size() != returned.size()) fail("the subscriber has not what was appended");
  Histogram latencies;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    latencies.record(std::max(taken[i] - returned[i], Clock::duration::zero()));
  }
  bench.add_latencies(kPlace, kEngineName, latencies);
}

}  // namespace

void run_delivery(const PostgresBench& bench) {
  ScratchStore scratch(bench.options.database, "delivery");
  const auto subscriber = must(open(scratch.url()), "open");
  const std::vector<std::function<void(std::size_t)>> turns = {
      [&](std::size_t round) { run_once(bench, scratch.store(), *subscriber, round); }};
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
