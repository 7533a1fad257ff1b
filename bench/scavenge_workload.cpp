// S2: freeing the space of half a store, while somebody appends.

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "append_load.hpp"
#include "bulk.hpp"
#include "eventstore/open.hpp"
#include "harness.hpp"
#include "workloads.hpp"

namespace eventstore::bench {
namespace {

constexpr std::uint64_t kStreams = 1'000;

EventGenerator generator_of(const Bench& bench) {
  const auto bytes_each = EventGenerator({.events = 1}).make(0).data.size() * 2;
  return EventGenerator(
      {.events = bench.options.scale.disk_bytes / bytes_each, .streams = kStreams});
}

// So many that there is something to free, whatever the scale.
OpenOptions options_of(const Bench& bench) {
  const auto segment_bytes = std::max<std::uint64_t>(bench.options.scale.disk_bytes / 16, 64 << 10);
  return {.segment_bytes_max = std::min(segment_bytes, OpenOptions{}.segment_bytes_max)};
}

void delete_every_other(EventStore& store) {
  for (std::uint64_t stream = 0; stream < kStreams; stream += 2) {
    must(store.delete_stream(EventGenerator::stream_name(stream), ExpectedVersion::any()),
         "delete_stream");
  }
}

// Appends of one event each until `done`.
Histogram append_until(EventStore& store, const std::atomic<bool>& done) {
  Histogram latencies;
  for (std::uint64_t i = 0; !done; ++i) {
    AppendRequest request;
    request.events.push_back({.stream = fmt::format("late-{}", i % 100), .type = "Late"});
    const Stopwatch one;
    must(store.append(std::move(request)), "append");
    latencies.record(one.elapsed());
  }
  return latencies;
}

void scavenge_once(Bench& bench) {
  const auto folder = bench.options.folder / "bench-round";
  make_empty_folder(folder);
  const auto options = options_of(bench);
  const auto url = "file:" + folder.string();
  fill_store(*open_engine_store(folder, options), generator_of(bench));
  const auto store = must(open(url, options), "open");
  delete_every_other(*store);

  std::atomic<bool> done = false;
  Histogram latencies;
  std::jthread appender([&] { latencies = append_until(*store, done); });
  const Stopwatch all;
  const auto report = must(store->scavenge({.id_retention = std::chrono::seconds(0)}), "scavenge");
  const auto seconds = all.seconds();
  done = true;
  appender.join();

  MeasureName name{.workload = "S2",
                   .setting = "half of the streams deleted",
                   .candidate = std::string(kEngineName),
                   .quantity = std::string(kRate)};
  bench.results.add(name, "MB/s", static_cast<double>(report.bytes) / 1e6 / seconds);
  name.quantity = "freed";
  bench.results.add(name, "MB", static_cast<double>(report.bytes_freed) / 1e6);
  name.setting = "appends meanwhile";
  bench.results.add_latencies(name, latencies);
}

}  // namespace

void run_scavenging(Bench& bench) {
  if (!bench.options.includes_candidate(kEngineName)) return;
  const std::vector<std::function<void(std::size_t)>> turns{[&](auto) { scavenge_once(bench); }};
  run_rounds(turns, bench.options.rounds);
  std::filesystem::remove_all(bench.options.folder / "bench-round");
}

}  // namespace eventstore::bench
