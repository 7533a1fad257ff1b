#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "eventstore/open.hpp"
#include "generated_events.hpp"
#include "pgbench.hpp"
#include "plain_table.hpp"
#include "postgres_bench.hpp"
#include "run_threads.hpp"

namespace eventstore::bench {
namespace {

constexpr double kSeconds = 2;

// Threads that append one event at a time, for some seconds; the rate.
double append_singly(EventStore& store, std::size_t threads, double seconds, Histogram* latencies) {
  const EventGenerator generator({.ids = false});
  std::atomic<std::uint64_t> appended = 0;
  std::vector<Histogram> histograms(threads);
  const auto took = run_threads(
      threads, {.prepare = [](std::size_t) {},
                .work =
                    [&](std::size_t thread) {
                      const auto until = std::chrono::steady_clock::now() +
                                         std::chrono::duration_cast<std::chrono::nanoseconds>(
                                             std::chrono::duration<double>(seconds));
                      std::uint64_t number = thread;
                      while (std::chrono::steady_clock::now() < until) {
                        AppendRequest request;
                        request.events.push_back(generator.make(number));
                        request.events.front().tags.clear();
                        number += threads;
                        const Stopwatch each;
                        must(store.append(std::move(request)), "append");
                        histograms[thread].record(each.elapsed());
                        ++appended;
                      }
                    }});
  if (latencies != nullptr) {
    for (const auto& one : histograms) latencies->add(one);
  }
  return static_cast<double>(appended) / took;
}

}  // namespace

void run_single_appends(PostgresBench& bench) {
  const auto store = must(open(bench.store_url("appends")), "open");
  PlainTable plain(bench.url, "plain_appends");
  std::vector<std::function<void(std::size_t)>> turns;
  for (const std::size_t clients : {1U, 32U}) {
    turns.emplace_back([&bench, &plain, clients](std::size_t) {
      bench.add("P1", fmt::format("{} clients", clients), "pgbench",
                run_pgbench(bench, plain.insert_script(), clients, kSeconds));
    });
  }
  for (const std::size_t threads : {1U, 32U, 128U}) {
    turns.emplace_back([&bench, &store, threads](std::size_t) {
      Histogram latencies;
      const auto rate = append_singly(*store, threads, kSeconds, &latencies);
      bench.add("P1", fmt::format("{} clients", threads), "event-store", rate);
      fmt::print(stderr, "    p50 {:.0f} us, p99 {:.0f} us\n", latencies.percentile_us(0.5),
                 latencies.percentile_us(0.99));
    });
  }
  turns.emplace_back([&](std::size_t) {
    bench.add("P1", "32 clients", "hand-made group", plain.insert_in_groups(1, 32, kSeconds));
  });
  turns.emplace_back([&](std::size_t) {
    bench.add("P1", "128 clients", "hand-made group", plain.insert_in_groups(2, 128, kSeconds));
  });
  run_rounds(turns, bench.rounds);
}

}  // namespace eventstore::bench
