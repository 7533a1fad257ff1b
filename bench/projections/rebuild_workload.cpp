// J3: what several workers make of a rebuild, and whether the live projection feels it.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "eventstore/json_document.hpp"
#include "harness.hpp"
#include "paced_appends.hpp"
#include "projection_bench.hpp"

namespace eventstore::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Of each stream how many events it has, and a number that takes time to compute.
class Computed final : public Projection {
 public:
  std::string_view name() const override { return "computed"; }

  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    constexpr int kTurns = 90;  // of some 0.3 µs: all in all about 30 µs
    constexpr std::uint64_t kPrime = 1'099'511'628'211;
    const auto order = nlohmann::json::parse(event.data);
    const auto& note = order.at("note").get_ref<const std::string&>();
    std::uint64_t hash = 0;
    for (int turn = 0; turn < kTurns; ++turn) {
      for (const char c : note) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
    }
    auto document = context.edit<nlohmann::json>(event.stream);
    if (!document) return std::unexpected(std::move(document).error());
    auto& computed = **document;
    const auto count = computed.is_null() ? 0 : computed.at("count").get<std::uint64_t>();
    computed = {{"count", count + 1}, {"hash", hash}};
    return {};
  }
};

// Waits for the effects of every append that it is told of, in a thread of its own.
class LagWatch {
 public:
  explicit LagWatch(RunningProjection& live)
      : live_(live), thread_([this](const std::stop_token& stop) { watch(stop); }) {}

  void appended(const Acknowledged& append) {
    {
      const std::scoped_lock lock(mutex_);
      waiting_.push_back(append);
    }
    came_.notify_one();
  }

  // After the last append: how long each has taken.
  Histogram finish() {
    thread_.request_stop();
    thread_.join();
    return lags_;
  }

 private:
  std::optional<Acknowledged> next(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!came_.wait(lock, stop, [this] { return !waiting_.empty(); })) return std::nullopt;
    const auto append = waiting_.front();
    waiting_.pop_front();
    return append;
  }

  void watch(const std::stop_token& stop) {
    while (const auto append = next(stop)) {
      must(live_.wait_for(append->position, Clock::now() + std::chrono::minutes(1)), "wait_for");
      lags_.record(Clock::now() - append->at);
    }
  }

  RunningProjection& live_;
  std::mutex mutex_;
  std::condition_variable_any came_;
  std::deque<Acknowledged> waiting_;  // guarded by mutex_
  Histogram lags_;
  std::jthread thread_;
};

void rebuild(const ProjectionBench& bench, const Place& place, BenchStore& store,
             RunningProjection& live, std::uint32_t workers) {
  Computed projection;
  LagWatch lag(live);
  std::jthread appender([&](const std::stop_token& stop) {
    append_at_pace(store.store(),
                   {.between = std::chrono::milliseconds(5),
                    .seconds = std::chrono::duration<double>(std::chrono::hours(1)).count(),
                    .stop = stop,
                    .on_append = [&](const Acknowledged& append) { lag.appended(append); }});
  });
  const Stopwatch watch;
  must(store.projections().rebuild(projection, {.run = {.workers = workers}}), "rebuild");
  const auto seconds = watch.seconds();
  appender.request_stop();
  appender.join();
  const auto lags = lag.finish();

  const auto status = must(store.projections().status(projection.name()), "status");
  const auto candidate = workers == 1 ? kOneWorkerName : kEngineName;
  bench.add_rate(place, candidate, static_cast<double>(status->position.value) / seconds);
  constexpr double kMicrosecondsInOne = 1'000;
  const auto add_lag = [&](std::string_view quantity, double microseconds) {
    bench.results.add(named({place.workload, place.setting, quantity}, candidate), "ms",
                      microseconds / kMicrosecondsInOne);
  };
  add_lag(kLagP99, lags.percentile_us(0.99));
  add_lag(kLag, lags.max_us());
  fmt::print(stderr, "    lag: p99 {:.0f} us, longest {:.0f} us of {}\n", lags.percentile_us(0.99),
             lags.max_us(), lags.count());
}

}  // namespace

void run_rebuilds(const ProjectionBench& bench, Engine engine) {
  const EventGenerator generator({.events = bench.options.scale.rebuilt_events, .ids = false});
  BenchStore store(bench.options, engine, "J3");
  fill(store, generator);
  Computed projection;
  const auto live = must(store.projections().run(projection), "run");
  const GlobalPosition last{generator.events()};
  must(live->wait_for(last, Clock::now() + std::chrono::hours(1)), "wait_for");

  const Place place{"J3", name_of(engine), kRate};
  const std::vector<std::function<void(std::size_t)>> turns = {
      [&](std::size_t) { rebuild(bench, place, store, *live, 4); },
      [&](std::size_t) { rebuild(bench, place, store, *live, 1); }};
  run_rounds(turns, bench.options.rounds);
  must(live->stop(Clock::now() + std::chrono::minutes(1)), "stop");
}

}  // namespace eventstore::bench
