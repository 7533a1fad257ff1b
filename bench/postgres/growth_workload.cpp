// P8: what it costs that a store has many events.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "bulk_appends.hpp"
#include "postgres_bench.hpp"
#include "scratch_store.hpp"
#include "store_reads.hpp"
#include "timed_appends.hpp"

namespace eventstore::bench {
namespace {

// So many customers that a region's events of one of them are as many as the scale says.
EventShape shape_of(const PostgresScale& scale, std::uint64_t events) {
  return {.events = events,
          .query_matches = std::max<std::uint64_t>(scale.query_matches / EventGenerator::kTypes, 1),
          .ids = false};
}

struct TagQuery {
  Query query;
  std::uint64_t matches = 0;
};

// Queries for a region and a customer, with how many events they find.
std::vector<TagQuery> make_queries(const EventGenerator& generator, std::size_t count) {
  std::vector<TagQuery> queries;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> places;
  for (const auto number : pick_numbers(1, count, generator.events())) {
    const auto region = generator.region_of(number);
    const auto customer = generator.customer_of(number);
    if (!places.try_emplace({region, customer}, queries.size()).second) continue;
    queries.push_back({.query = Query::of({{.tags = {EventGenerator::region_tag(region),
                                                     EventGenerator::customer_tag(customer)}}})});
  }
  for (std::uint64_t number = 0; number < generator.events(); ++number) {
    const auto found = places.find({generator.region_of(number), generator.customer_of(number)});
    if (found != places.end()) ++queries[found->second].matches;
  }
  return queries;
}

class GrownStore {
 public:
  GrownStore(const PostgresBench& bench, std::string_view name, std::string_view candidate,
             std::uint64_t events)
      : bench_(bench),
        candidate_(candidate),
        generator_(shape_of(bench.options.scale, events)),
        queries_(make_queries(generator_, bench.options.scale.queries)),
        scratch_(bench.options.database, name) {
    const Stopwatch watch;
    fill_store(scratch_.store(), generator_);
    scratch_.vacuum();
    fmt::print(stderr, "  made a store of {} events in {:.0f} s\n", events, watch.seconds());
  }

  void append(std::size_t round) {
    const auto outcome =
        append_for_seconds(scratch_.store(), {.seconds = bench_.options.seconds,
                                              .prefix = fmt::format("appended-{}", round),
                                              .tags = true});
    bench_.add_latencies({"P8", "appends of one event", kP99}, candidate_, outcome.latencies);
  }

  void query() {
    std::size_t turn = 0;
    const auto latencies = time_repeatedly(bench_.options.seconds, [&] {
      const auto& query = queries_[turn++ % queries_.size()];
      const auto touched = read_and_touch(scratch_.store(), {.selector = query.query});
      if (touched.events != query.matches) fail("a query does not find what matches");
    });
    bench_.add_latencies({"P8", "query by two tags", kMedian}, candidate_, latencies);
  }

 private:
  const PostgresBench& bench_;
  const std::string candidate_;
  const EventGenerator generator_;
  const std::vector<TagQuery> queries_;
  ScratchStore scratch_;
};

}  // namespace

void run_growth(const PostgresBench& bench) {
  const auto& scale = bench.options.scale;
  GrownStore small(bench, "small", kSmallStoreName, scale.small_events);
  GrownStore large(bench, "large", kLargeStoreName, scale.large_events);
  std::vector<std::function<void(std::size_t)>> turns;
  for (auto* const store : {&small, &large}) {
    turns.emplace_back([store](std::size_t round) { store->append(round); });
    turns.emplace_back([store](std::size_t) { store->query(); });
  }
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
