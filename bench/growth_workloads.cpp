// O1, P1, S1 and D1: what becomes of a store that grows.

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "append_load.hpp"
#include "bare_appender.hpp"
#include "bulk.hpp"
#include "child_process.hpp"
#include "harness.hpp"
#include "workloads.hpp"

namespace eventstore::bench {
namespace {

void open_once(Bench& bench, const StoreKind& kind) {
  const auto folder = bench.data_sets.folder(DataSet::Large, kind);
  const auto streams = bench.data_sets.generator(DataSet::Large).streams();
  const auto report = [&](std::string_view setting, const Probe& probe) {
    MeasureName name{.workload = "O1",
                     .setting = std::string(setting),
                     .candidate = std::string(kind.name),
                     .quantity = "opening"};
    bench.results.add(name, "ms", probe.open_seconds * 1e3);
    name.quantity = "memory";
    bench.results.add(name, "MB", static_cast<double>(probe.memory_bytes) / 1e6);
  };
  probe_in_child(kind, folder, streams);  // whatever came before, it is closed cleanly now
  report("after a clean close", probe_in_child(kind, folder, streams));
  append_in_child_and_kill(kind, folder, bench.options.scale.killed_events);
  report("after kill -9", probe_in_child(kind, folder, streams));
}

// Appends of one event in turns to two stores, so that both meet the same disk.
void append_in_turns(const std::array<Store*, 2>& stores, std::array<ThreadRequests, 2>& requests,
                     std::array<Histogram, 2>& latencies) {
  constexpr std::size_t kTurn = 50;
  const auto count = std::min(requests[0].size(), requests[1].size());
  for (std::size_t first = 0; first < count; first += kTurn) {
    const auto end = std::min(first + kTurn, count);
    for (std::size_t which = 0; which < stores.size(); ++which) {
      for (auto i = first; i < end; ++i) {
        const Stopwatch one;
        if (!stores[which]->append(requests[which][i])) fail("an append was refused");
        latencies[which].record(one.elapsed());
      }
    }
  }
}

// A request whose stream no other append has.
AppendRequest with_stream(const AppendRequest& request, const std::string& stream) {
  auto renamed = request;
  renamed.checks.front() = {.stream = stream, .expected = ExpectedVersion::no_stream()};
  for (auto& event : renamed.events) event.stream = stream;
  return renamed;
}

constexpr std::size_t kStallBatch = 100;

// Appends batch after batch until so many bytes are written, without a pause to make events in.
Histogram append_bytes(Appender& appender, const ThreadRequests& requests, std::uint64_t bytes) {
  Histogram latencies;
  std::uint64_t written = 0;
  for (std::size_t i = 0; written < bytes; ++i) {
    auto request = with_stream(requests[i % requests.size()], fmt::format("stall-{}", i));
    written += bare_bytes(request);
    const Stopwatch one;
    if (!appender.append(request)) fail("an append was refused");
    latencies.record(one.elapsed());
  }
  return latencies;
}

std::uint64_t payload_bytes(const NewEvent& event) {
  auto sum = event.stream.size() + event.type.size() + event.metadata.size() + event.data.size();
  for (const auto& tag : event.tags) sum += tag.size();
  return sum;
}

std::uint64_t payload_bytes(const EventGenerator& generator) {
  std::uint64_t sum = 0;
  NewEvent event;
  for (std::uint64_t i = 0; i < generator.events(); ++i) {
    generator.make(i, event);
    sum += payload_bytes(event);
  }
  return sum;
}

void report_disk_use(Bench& bench, std::string_view setting, std::string_view candidate,
                     std::uint64_t disk, const EventGenerator& generator) {
  const auto payload = static_cast<double>(payload_bytes(generator));
  const auto events = static_cast<double>(generator.events());
  MeasureName name{.workload = "D1",
                   .setting = std::string(setting),
                   .candidate = std::string(candidate),
                   .quantity = "disk use"};
  bench.results.add(name, "MB", static_cast<double>(disk) / 1e6);
  name.quantity = "payload";
  bench.results.add(name, "MB", payload / 1e6);
  name.quantity = "beyond the payload";
  bench.results.add(name, "bytes/event", (static_cast<double>(disk) - payload) / events);
  name.quantity = "of 1.1 x payload + 128 an event";
  bench.results.add(name, "times", static_cast<double>(disk) / (1.1 * payload + 128 * events));
}

}  // namespace

void run_opening(Bench& bench) {
  const auto kinds = bench.options.stores();
  std::vector<std::function<void(std::size_t)>> turns;
  turns.reserve(kinds.size());
  for (const auto& kind : kinds) {
    turns.emplace_back([&bench, kind](auto) { open_once(bench, kind); });
  }
  run_rounds(turns, bench.options.rounds);
}

void run_large_appends(Bench& bench) {
  if (!bench.options.includes_candidate(kEngineName)) return;
  const auto& kind = *find_store_kind(kEngineName);
  const auto large = kind.open(bench.data_sets.folder(DataSet::Large, kind));
  const auto folder = bench.options.folder / "bench-hundredth";
  make_empty_folder(folder);
  const auto small = kind.open(folder);
  fill_store(*small, EventGenerator({.events = bench.options.scale.large_events / 100}));

  for (std::size_t round = 0; round < bench.options.rounds; ++round) {
    const AppendLoad load{.requests_per_thread = bench.options.scale.single_appends,
                          .seed = bench.options.seed + round,
                          .stream_prefix = fmt::format("late-{}", round)};
    std::array<ThreadRequests, 2> requests = {make_requests(load)[0], make_requests(load)[0]};
    std::array<Histogram, 2> latencies;
    append_in_turns({small.get(), large.get()}, requests, latencies);
    MeasureName name{
        .workload = "P1", .setting = {}, .candidate = std::string(kEngineName), .quantity = {}};
    name.setting = "1 thread, a hundredth of the events";
    bench.results.add_latencies(name, latencies[0]);
    name.setting = "1 thread, the large store";
    bench.results.add_latencies(name, latencies[1]);
  }
}

void run_stalls(Bench& bench) {
  const auto bytes = bench.options.scale.stall_bytes;
  const auto requests = make_requests(
      {.events_per_request = kStallBatch, .requests_per_thread = 500, .seed = bench.options.seed});
  const auto folder = bench.options.folder / "bench-round";
  const auto turn = [&](std::string_view candidate, std::unique_ptr<Appender> appender) {
    bench.results.add_latencies({.workload = "S1",
                                 .setting = fmt::format("1 thread, batches of {}", kStallBatch),
                                 .candidate = std::string(candidate),
                                 .quantity = {}},
                                append_bytes(*appender, requests[0], bytes));
  };
  std::vector<std::function<void(std::size_t)>> turns;
  if (bench.options.includes_candidate(kBareName)) {
    turns.emplace_back([&](auto) {
      make_empty_folder(folder);
      turn(kBareName, open_bare(folder, bytes, {}));
    });
  }
  if (bench.options.includes_candidate(kEngineName)) {
    turns.emplace_back([&](auto) {
      make_empty_folder(folder);
      turn(kEngineName, open_engine_store(folder));
    });
  }
  run_rounds(turns, bench.options.rounds);
  std::filesystem::remove_all(folder);
}

void run_disk_use(Bench& bench) {
  for (const auto& kind : bench.options.stores()) {
    const auto& generator = bench.data_sets.generator(DataSet::Small);
    const auto folder = bench.data_sets.folder(DataSet::Small, kind);
    report_disk_use(bench, fmt::format("{} events", generator.events()), kind.name,
                    disk_bytes(folder), generator);
  }
  if (!bench.options.includes_candidate(kEngineName)) return;

  const auto each = payload_bytes(EventGenerator({.events = 1}));
  const EventGenerator generator({.events = bench.options.scale.disk_bytes / each});
  const auto folder = bench.options.folder / "bench-disk";
  make_empty_folder(folder);
  fill_store(*open_engine_store(folder), generator);
  report_disk_use(bench, "the size for the target", kEngineName, disk_bytes(folder), generator);
  std::filesystem::remove_all(folder);
}

}  // namespace eventstore::bench
