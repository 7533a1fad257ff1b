// P1 to P3: what appends cost, beside inserts into a plain table.

#include <functional>
#include <vector>

#include <fmt/format.h>

#include "appending_processes.hpp"
#include "pgbench.hpp"
#include "plain_table.hpp"
#include "postgres_bench.hpp"
#include "scratch_store.hpp"
#include "timed_appends.hpp"

namespace eventstore::bench {
namespace {

using Turns = std::vector<std::function<void(std::size_t)>>;

std::string clients_text(std::size_t clients) {
  return fmt::format("{} client{}", clients, clients == 1 ? "" : "s");
}

// One turn of the engine. The streams are new ones.
void append_in_turn(const PostgresBench& bench, EventStore& store, const Place& place,
                    TimedAppends load, std::size_t round) {
  load.seconds = bench.options.seconds;
  load.prefix = fmt::format("order-{}-{}", round, load.threads);
  const auto outcome = append_for_seconds(store, load);
  bench.add_rate(place, kEngineName, outcome.rate());
  bench.add_latencies(place, kEngineName, outcome.latencies);
}

}  // namespace

void run_postgres_single_appends(const PostgresBench& bench) {
  ScratchStore store(bench.options.database, "appends");
  PlainTable plain(bench.options.database, "bench_appends");
  Turns turns;
  for (const std::size_t clients : {1U, 32U}) {
    turns.emplace_back([&, clients](std::size_t) {
      bench.add_rate({.workload = "P1", .setting = clients_text(clients), .quantity = kRate},
                     kPgbenchName, run_pgbench(bench, plain.insert_script(), clients));
    });
  }
  for (const std::size_t threads : {1U, 32U, 128U}) {
    turns.emplace_back([&, threads](std::size_t round) {
      append_in_turn(bench, store.store(),
                     {.workload = "P1", .setting = clients_text(threads), .quantity = kRate},
                     {.threads = threads}, round);
    });
  }
  for (const std::size_t connections : {1U, 2U}) {
    const std::size_t group = connections == 1 ? 32 : 128;
    turns.emplace_back([&, connections, group](std::size_t) {
      bench.add_rate({.workload = "P1", .setting = clients_text(group), .quantity = kRate},
                     kGroupsName,
                     plain.insert_in_groups(connections, group, bench.options.seconds));
    });
  }
  run_rounds(turns, bench.options.rounds);
}

void run_processes(const PostgresBench& bench) {
  constexpr Place kPlace{"P2", "8 processes of 4 threads", kRate};
  const ScratchStore store(bench.options.database, "processes");
  const PlainTable plain(bench.options.database, "bench_processes");
  const Turns turns = {
      [&](std::size_t) {
        bench.add_rate(kPlace, kPgbenchName, run_pgbench(bench, plain.insert_script(), 32));
      },
      [&](std::size_t round) {
        const AppendingProcesses load{.processes = 8,
                                      .threads = 4,
                                      .seconds = bench.options.seconds,
                                      .prefix = fmt::format("order-{}", round)};
        bench.add_rate(kPlace, kEngineName, append_in_processes(store.url(), load));
      }};
  run_rounds(turns, bench.options.rounds);
}

void run_postgres_batches(const PostgresBench& bench) {
  constexpr Place kPlace{"P3", "8 threads, batches of 100", kRate};
  ScratchStore store(bench.options.database, "batches");
  PlainTable plain(bench.options.database, "bench_batches");
  const Turns turns = {[&](std::size_t) {
                         bench.add_rate(kPlace, kInsertName,
                                        plain.insert_batches(8, 100, bench.options.seconds));
                       },
                       [&](std::size_t round) {
                         append_in_turn(bench, store.store(), kPlace,
                                        {.threads = 8, .events_per_request = 100}, round);
                       }};
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
