// J4: how long it takes until a handler has what was appended.

#include <chrono>
#include <functional>
#include <vector>

#include "harness.hpp"
#include "paced_appends.hpp"
#include "projection_bench.hpp"
#include "recording_handler.hpp"

namespace eventstore::bench {

void run_latency(const ProjectionBench& bench, Engine engine) {
  BenchStore store(bench.options, engine, "J4");
  const Place place{"J4", name_of(engine), kP99};
  const std::vector<std::function<void(std::size_t)>> turns = {[&](std::size_t) {
    RecordingHandler handler;
    const auto subscription = must(store.subscriptions().run({.start = FromEnd{}}, handler), "run");
    wait_until([&] { return handler.is_live(); });
    const auto appends = append_at_pace(store.store(), {.between = std::chrono::milliseconds(5),
                                                        .seconds = 2 * bench.options.seconds});
    wait_until([&] { return handler.has_reached(appends.back().position); });
    must(subscription->stop(Deadline::max()), "stop");
    Histogram delivery;
    if (add_delivery(delivery, appends, handler) != appends.size()) {
      fail("the subscriber has not what was appended");
    }
    bench.add_latencies(place, kEngineName, delivery);
    bench.results.add(named({place.workload, place.setting, kP999}, kEngineName), "us",
                      delivery.percentile_us(0.999));
  }};
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
