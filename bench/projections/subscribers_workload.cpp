// J6: what subscribers cost the one who appends.

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "harness.hpp"
#include "paced_appends.hpp"
#include "projection_bench.hpp"
#include "recording_handler.hpp"

namespace eventstore::bench {
namespace {

class SlowHandler final : public RecordingHandler {
 public:
  Result<void> handle(const EventView&) override {
    // The work that it has with an event.
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return {};
  }
};

struct Audience {
  std::string name;
  std::uint64_t subscribers = 0;
  bool has_categories = false;  // each one of its own; else each wants everything
  bool is_slow = false;
};

// The subscribers of one turn.
class Listeners {
 public:
  Listeners(BenchStore& store, const Audience& audience) {
    for (std::uint64_t number = 0; number < audience.subscribers; ++number) {
      handlers_.push_back(audience.is_slow ? std::make_unique<SlowHandler>()
                                           : std::make_unique<RecordingHandler>());
      SubscriptionRequest request{.start = FromEnd{}};
      if (audience.has_categories) request.filter.selector = SelectCategory{paced_category(number)};
      running_.push_back(
          must(store.subscriptions().run(std::move(request), *handlers_.back()), "run"));
    }
    wait_until([this] {
      return std::ranges::all_of(handlers_, [](const auto& one) { return one->is_live(); });
    });
  }

  // Waits until all have what was appended.
  Histogram delivery(const std::vector<Acknowledged>& appends) {
    wait_until([&] {
      return std::ranges::all_of(
          handlers_, [&](const auto& one) { return one->has_reached(appends.back().position); });
    });
    running_.clear();
    Histogram delivery;
    for (const auto& one : handlers_) add_delivery(delivery, appends, *one);
    return delivery;
  }

 private:
  std::vector<std::unique_ptr<RecordingHandler>> handlers_;
  std::vector<std::unique_ptr<RunningSubscription>> running_;
};

void run_turn(const ProjectionBench& bench, const Place& place, BenchStore& store,
              const Audience& audience) {
  Listeners listeners(store, audience);
  const Stopwatch watch;
  const auto appends = append_at_pace(
      store.store(),
      {.seconds = bench.options.seconds,
       .categories = audience.has_categories ? audience.subscribers : std::uint64_t{1}});
  bench.add_rate(place, audience.name, static_cast<double>(appends.size()) / watch.seconds());
  if (audience.is_slow || audience.subscribers == 0) return;
  const auto delivery = listeners.delivery(appends);
  const auto expected =
      audience.has_categories ? appends.size() : appends.size() * audience.subscribers;
  if (delivery.count() != expected) fail("the subscribers have not what was appended");
  const auto add = [&](std::string_view quantity, double microseconds) {
    bench.results.add(named({place.workload, place.setting, quantity}, audience.name), "us",
                      microseconds);
  };
  add("delivery, median", delivery.percentile_us(0.5));
  add("delivery, p99", delivery.percentile_us(0.99));
}

// Of each audience the part of the rate that there is without any.
void add_parts(const ProjectionBench& bench, const Place& place,
               const std::vector<Audience>& audiences) {
  const auto rates_with = [&](const Audience& audience) {
    return bench.results.find(named(place, audience.name))->rounds;
  };
  const auto alone = rates_with(audiences.front());
  for (const auto& audience : audiences) {
    for (const auto part : ratios(rates_with(audience), alone)) {
      bench.results.add(
          named({place.workload, place.setting, "of the rate with none"}, audience.name), "%",
          100 * part);
    }
  }
}

}  // namespace

void run_subscribers(const ProjectionBench& bench, Engine engine) {
  const auto many = bench.options.scale.subscribers;
  const std::vector<Audience> audiences = {
      {.name = "none"},
      {.name = "1", .subscribers = 1},
      {.name = "1, slow", .subscribers = 1, .is_slow = true},
      {.name = fmt::format("{}, of a category each", many),
       .subscribers = many,
       .has_categories = true},
      {.name = fmt::format("{}, of everything", many), .subscribers = many}};
  BenchStore store(bench.options, engine, "J6");
  const Place place{"J6", name_of(engine), kRate};
  std::vector<std::function<void(std::size_t)>> turns;
  turns.reserve(audiences.size());
  for (const auto& audience : audiences) {
    turns.emplace_back([&](std::size_t) { run_turn(bench, place, store, audience); });
  }
  run_rounds(turns, bench.options.rounds);
  add_parts(bench, place, audiences);
}

}  // namespace eventstore::bench
