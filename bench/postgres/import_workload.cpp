// P4: what importing many events costs, beside COPY.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "bulk_appends.hpp"
#include "plain_table.hpp"
#include "postgres_bench.hpp"
#include "scratch_store.hpp"

namespace eventstore::bench {
namespace {

constexpr Place kPlace{"P4", "appends of 1,000, 8 under way", kRate};
constexpr std::uint64_t kStreamEvents = 100;
constexpr std::uint64_t kRequestEvents = 1'000;
constexpr std::size_t kCopiedAtOnce = 10'000;

// New streams every round, each whole in its request.
std::vector<AppendRequest> make_requests(std::uint64_t events, std::size_t round, bool ids) {
  const EventGenerator generator({.events = events, .ids = ids, .seed = round + 1});
  std::vector<AppendRequest> requests;
  for (std::uint64_t number = 0; number < events; ++number) {
    if (number % kRequestEvents == 0) requests.emplace_back();
    auto& request = requests.back();
    auto& event = request.events.emplace_back(
        generator.make(generator.number_of(number / kStreamEvents, number % kStreamEvents + 1)));
    event.stream = fmt::format("{}-{}", event.stream, round);
    event.tags.clear();
    if (number % kStreamEvents == 0) {
      request.checks.push_back({.stream = event.stream, .expected = ExpectedVersion::no_stream()});
    }
  }
  return requests;
}

void import_events(const PostgresBench& bench, EventStore& store, std::size_t round) {
  const auto events = bench.options.scale.bulk_events;
  auto requests = make_requests(events, round, false);
  const Stopwatch watch;
  const auto results = append_all(store, std::move(requests));
  bench.add_rate(kPlace, kEngineName, static_cast<double>(events) / watch.seconds());
  for (const auto& result : results) {
    for (const auto& outcome : result.streams) {
      if (outcome.version.value != kStreamEvents) fail("a stream is not whole: " + outcome.stream);
    }
  }
  if (must(store.head(), "head").value != events * (round + 1)) fail("events are missing");
}

}  // namespace

void run_import(const PostgresBench& bench) {
  ScratchStore store(bench.options.database, "import");
  PlainTable plain(bench.options.database, "bench_import");
  PlainTable indexed(bench.options.database, "bench_import_indexed", PlainTable::Indexes::OfAStore);
  const auto copy = [&bench](PlainTable& table, std::string_view candidate, std::size_t round) {
    const auto requests = make_requests(bench.options.scale.bulk_events, round, true);
    bench.add_rate(kPlace, candidate, table.copy(requests, kCopiedAtOnce));
  };
  const std::vector<std::function<void(std::size_t)>> turns = {
      [&](std::size_t round) { import_events(bench, store.store(), round); },
      [&](std::size_t round) { copy(plain, kCopyName, round); },
      [&](std::size_t round) { copy(indexed, kIndexedCopyName, round); }};
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
