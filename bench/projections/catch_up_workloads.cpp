// J1 and J2: what a projection takes from nothing to all that is stored.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "eventstore/builtin_projections.hpp"
#include "harness.hpp"
#include "plain_loop.hpp"
#include "postgres/store_reads.hpp"
#include "projection_bench.hpp"

namespace eventstore::bench {
namespace {

struct CatchUp {
  std::string_view workload;
  std::string_view projection;  // built in; counts events by key
  std::string_view (*key)(const EventView& event);
  std::uint64_t streams;
};

Deadline patience() {
  return std::chrono::steady_clock::now() + std::chrono::hours(1);
}

double run_projection(BenchStore& store, Projection& projection) {
  must(store.projections().reset(projection.name()), "reset");
  const Stopwatch watch;
  const auto running = must(store.projections().run(projection, {.once = true}), "run");
  must(running->wait(patience()), "wait");
  return watch.seconds();
}

// Each event is counted in one document.
void check_documents(BenchStore& store, std::string_view projection, std::uint64_t events) {
  constexpr std::uint64_t kPage = 10'000;
  std::uint64_t counted = 0;
  std::string last;
  while (true) {
    const auto documents =
        must(store.projections().documents(projection, last, kPage), "documents");
    for (const auto& document : documents) {
      counted += nlohmann::json::parse(document.text).at("count").get<std::uint64_t>();
    }
    if (documents.size() < kPage) break;
    last = documents.back().key;
  }
  if (counted != events) fail("the projection has miscounted");
}

void run_catch_up(const ProjectionBench& bench, Engine engine, const CatchUp& what) {
  const auto& scale = bench.options.scale;
  const EventGenerator generator({.events = scale.events, .streams = what.streams, .ids = false});
  Touched expected;
  for (const auto& stream : touched_by_stream(generator)) expected.add(stream);
  BenchStore store(bench.options, engine, what.workload);
  fill(store, generator);
  const auto projection = make_builtin_projection(what.projection);

  const Place place{what.workload, name_of(engine), kRate};
  const auto add = [&](std::string_view candidate, std::uint64_t events, double seconds) {
    bench.add_rate(place, candidate, static_cast<double>(events) / seconds);
  };
  const std::vector<std::function<void(std::size_t)>> turns = {
      [&](std::size_t) {
        add(kEngineName, scale.events, run_projection(store, *projection));
        check_documents(store, what.projection, scale.events);
      },
      [&](std::size_t) {
        const Stopwatch watch;
        expect_same(read_and_touch(store.store(), {}), expected, kScanName);
        add(kScanName, scale.events, watch.seconds());
      },
      [&](std::size_t) {
        add(kLoopName, scale.loop_events,
            run_plain_loop(store, {.key = what.key, .events = scale.loop_events}));
      }};
  run_rounds(turns, bench.options.rounds);
}

}  // namespace

void run_counts(const ProjectionBench& bench, Engine engine) {
  run_catch_up(bench, engine,
               {.workload = "J1",
                .projection = "event-type-count",
                .key = [](const EventView& event) { return event.type; },
                .streams = bench.options.scale.events / 100});
}

void run_documents(const ProjectionBench& bench, Engine engine) {
  run_catch_up(bench, engine,
               {.workload = "J2",
                .projection = "stream-activity",
                .key = [](const EventView& event) { return event.stream; },
                .streams = bench.options.scale.streams});
}

}  // namespace eventstore::bench
