// W1 to W4: what appending costs.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "append_load.hpp"
#include "bare_appender.hpp"
#include "bulk.hpp"
#include "harness.hpp"
#include "workloads.hpp"

namespace eventstore::bench {
namespace {

struct AppendCandidate {
  std::string_view name;
  // `bytes`: what the events take in a bare log.
  std::function<std::unique_ptr<Appender>(const std::filesystem::path& folder, std::uint64_t bytes)>
      open;
};

void add_bare(std::vector<AppendCandidate>& candidates, const Options& options,
              std::string_view name, BareSetup setup) {
  if (!options.includes_candidate(name)) return;
  candidates.push_back({name, [setup](const auto& folder, std::uint64_t bytes) {
                          return open_bare(folder, bytes, setup);
                        }});
}

void add_stores(std::vector<AppendCandidate>& candidates, const Options& options) {
  for (const auto& kind : options.stores()) {
    candidates.push_back({kind.name, [kind](const auto& folder, std::uint64_t) {
                            return std::unique_ptr<Appender>(kind.open(folder));
                          }});
  }
}

std::vector<AppendCandidate> candidates_for(const Options& options, std::size_t threads) {
  std::vector<AppendCandidate> candidates;
  const bool many = threads > 1;
  add_bare(candidates, options, kBareName, {.many_threads = many});
  if (many) {
    add_bare(candidates, options, kBareGatheringName, {.many_threads = true, .gathering = true});
  }
  add_stores(candidates, options);
  return candidates;
}

std::filesystem::path fresh_folder(const Options& options) {
  auto folder = options.folder / "bench-round";
  make_empty_folder(folder);
  return folder;
}

std::uint64_t bytes_of(std::span<const AppendRequest> requests) {
  std::uint64_t sum = 0;
  for (const auto& request : requests) sum += bare_bytes(request);
  return sum;
}

void run_append_load(Bench& bench, MeasureName name, AppendLoad load) {
  std::vector<std::function<void(std::size_t)>> turns;
  for (const auto& candidate : candidates_for(bench.options, load.threads)) {
    turns.emplace_back([&bench, name, load, candidate](std::size_t round) mutable {
      load.seed = bench.options.seed + round;
      auto requests = make_requests(load);
      std::uint64_t bytes = 0;
      for (const auto& own : requests) bytes += bytes_of(own);
      auto appender = candidate.open(fresh_folder(bench.options), bytes);
      const auto outcome = run_appends(*appender, requests, bench.options.scale.append_seconds_max);
      name.candidate = candidate.name;
      name.quantity = kRate;
      const auto events = outcome.requests * load.events_per_request;
      bench.results.add(name, "events/s", static_cast<double>(events) / outcome.seconds);
      bench.results.add_latencies(name, outcome.latencies);
    });
  }
  run_rounds(turns, bench.options.rounds);
  std::filesystem::remove_all(bench.options.folder / "bench-round");
}

void run_batch_load(Bench& bench, std::size_t threads, std::size_t events, std::uint64_t total) {
  run_append_load(bench,
                  {.workload = "W3",
                   .setting = fmt::format("{} thread{}, batches of {}", threads,
                                          threads == 1 ? "" : "s", events),
                   .candidate = {},
                   .quantity = {}},
                  {.threads = threads,
                   .events_per_request = events,
                   .requests_per_thread = std::max<std::size_t>(total / threads / events, 1)});
}

void run_bulk_once(Bench& bench, const AppendCandidate& candidate, std::size_t round) {
  const auto events = bench.options.scale.bulk_events;
  const EventGenerator generator({.events = events, .seed = bench.options.seed + round});
  auto requests = make_bulk_requests(generator, 0, events);
  auto appender = candidate.open(fresh_folder(bench.options), bytes_of(requests));
  const Stopwatch watch;
  appender->append_bulk(requests);
  bench.results.add({.workload = "W4",
                     .setting = "1 thread",
                     .candidate = std::string(candidate.name),
                     .quantity = std::string(kRate)},
                    "events/s", static_cast<double>(events) / watch.seconds());
}

}  // namespace

void run_single_appends(Bench& bench) {
  run_append_load(bench, {.workload = "W1", .setting = "1 thread", .candidate = {}, .quantity = {}},
                  {.requests_per_thread = bench.options.scale.single_appends});
}

void run_parallel_appends(Bench& bench) {
  constexpr std::size_t kThreads = 32;
  run_append_load(
      bench, {.workload = "W2", .setting = "32 threads", .candidate = {}, .quantity = {}},
      {.threads = kThreads, .requests_per_thread = bench.options.scale.group_appends / kThreads});
}

void run_batches(Bench& bench) {
  const auto most = bench.options.scale.batch_events;
  run_batch_load(bench, 1, 10, most / 8);
  run_batch_load(bench, 1, 100, most / 2);
  run_batch_load(bench, 8, 10, most / 3);
  run_batch_load(bench, 8, 100, most);
}

void run_bulk(Bench& bench) {
  std::vector<AppendCandidate> candidates;
  add_bare(candidates, bench.options, kBareName, {});
  add_bare(candidates, bench.options, kBareGrowingName, {.prewritten = false});
  add_stores(candidates, bench.options);
  std::vector<std::function<void(std::size_t)>> turns;
  turns.reserve(candidates.size());
  for (const auto& candidate : candidates) {
    turns.emplace_back(
        [&bench, candidate](std::size_t round) { run_bulk_once(bench, candidate, round); });
  }
  run_rounds(turns, bench.options.rounds);
  std::filesystem::remove_all(bench.options.folder / "bench-round");
}

}  // namespace eventstore::bench
