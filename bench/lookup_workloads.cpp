// R3 and R4: what finding costs, in a small store and in a large one.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "bare_appender.hpp"
#include "bare_events.hpp"
#include "eventstore/open.hpp"
#include "harness.hpp"
#include "open_stores.hpp"
#include "workloads.hpp"

namespace eventstore::bench {
namespace {

// A query with the numbers of the events that match.
struct QueryToRun {
  QueryItem item;
  std::vector<std::uint64_t> matches;
};

QueryToRun rare_type_query(const EventGenerator& generator) {
  QueryToRun query{
      .item = {.types = {std::string(EventGenerator::type_name(EventGenerator::kRareType))},
               .tags = {}},
      .matches = {}};
  for (std::uint64_t i = 0; i < generator.events(); ++i) {
    if (generator.type_of(i) == EventGenerator::kRareType) query.matches.push_back(i);
  }
  return query;
}

// Queries for a type, a region and a customer; others each seed.
std::vector<QueryToRun> tag_queries(const EventGenerator& generator, std::uint64_t seed,
                                    std::size_t count) {
  const auto combinations =
      EventGenerator::kTypes * EventGenerator::kRegions * generator.customers();
  std::vector<QueryToRun> queries;
  std::unordered_map<std::uint64_t, std::size_t> places;  // combination -> query
  for (const auto picked : pick_numbers(seed, count, combinations)) {
    if (!places.try_emplace(picked, queries.size()).second) continue;
    const auto type = picked % EventGenerator::kTypes;
    const auto region = picked / EventGenerator::kTypes % EventGenerator::kRegions;
    const auto customer = picked / EventGenerator::kTypes / EventGenerator::kRegions;
    queries.push_back({.item = {.types = {std::string(EventGenerator::type_name(type))},
                                .tags = {EventGenerator::region_tag(region),
                                         EventGenerator::customer_tag(customer)}},
                       .matches = {}});
  }
  for (std::uint64_t i = 0; i < generator.events(); ++i) {
    const auto type = generator.type_of(i);
    if (type == EventGenerator::kRareType) continue;
    const auto found =
        places.find((generator.customer_of(i) * EventGenerator::kRegions + generator.region_of(i)) *
                        EventGenerator::kTypes +
                    type);
    if (found != places.end()) queries[found->second].matches.push_back(i);
  }
  return queries;
}

// One data set: its queries, its events at known places, the engine's store of it.
class QueriedStore {
 public:
  QueriedStore(Bench& bench, DataSet set)
      : bench_(bench),
        generator_(bench.data_sets.generator(set)),
        size_(set == DataSet::Small ? "small" : "large"),
        rare_type_({rare_type_query(generator_)}),
        tags_(tag_queries(generator_, bench.options.seed, bench.options.scale.queries)) {
    const auto folder = bench.data_sets.folder(set, *find_store_kind(kEngineName));
    bare_ = std::make_unique<BareEvents>(folder, generator_);
    store_ = must(open(folder.string()), "open");
  }

  void add_turns(std::vector<std::function<void(std::size_t)>>& turns) {
    turns.emplace_back([this](auto) { run("type", rare_type_); });
    turns.emplace_back([this](auto) { run("type and two tags", tags_); });
    if (!bench_.options.includes_candidate(kBareName)) return;
    turns.emplace_back([this](auto) { run_bare("type", rare_type_); });
    turns.emplace_back([this](auto) { run_bare("type and two tags", tags_); });
  }

 private:
  static constexpr int kRepeats = 5;  // the first is to make it hot

  template <typename Read>
  void measure(std::string_view candidate, std::string_view what,
               const std::vector<QueryToRun>& queries, const Read& read) {
    Histogram latencies;
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      for (const auto& query : queries) {
        const Stopwatch watch;
        const auto events = read(query);
        if (repeat > 0) latencies.record(watch.elapsed());
        if (events != query.matches.size()) {
          fail(fmt::format("{} events found by {}, expected {}", events, what,
                           query.matches.size()));
        }
      }
    }
    const MeasureName name{.workload = "R3",
                           .setting = fmt::format("{}, {} store", what, size_),
                           .candidate = std::string(candidate),
                           .quantity = {}};
    bench_.results.add_latencies(name, latencies);
  }

  void run(std::string_view what, const std::vector<QueryToRun>& queries) {
    measure(kEngineName, what, queries, [this](const QueryToRun& query) {
      ReadRequest request;
      request.selector = Query::of({query.item});
      const auto cursor = must(store_->read(std::move(request)), "read");
      Touched touched;
      for (auto batch = must(cursor->next(), "next"); !batch.empty();
           batch = must(cursor->next(), "next")) {
        for (const auto& event : batch) touched.add(event.metadata, event.data);
      }
      consume(touched.sum);
      return touched.events;
    });
  }

  void run_bare(std::string_view what, const std::vector<QueryToRun>& queries) {
    measure(kBareName, what, queries, [this](const QueryToRun& query) {
      Touched touched;
      for (const auto number : query.matches) touched.add(bare_->touch(number));
      consume(touched.sum);
      return touched.events;
    });
  }

  Bench& bench_;
  const EventGenerator& generator_;
  std::string_view size_;
  std::vector<QueryToRun> rare_type_;
  std::vector<QueryToRun> tags_;
  std::unique_ptr<BareEvents> bare_;
  std::unique_ptr<EventStore> store_;
};

void look_up(Bench& bench, const OpenStore& open, std::span<const std::string> streams,
             std::uint64_t version) {
  const auto reader = open.store->reader();
  const auto check = [&](std::uint64_t found, const std::string& stream) {
    if (found != version) fail(fmt::format("{}: a wrong version of {}", open.name, stream));
  };
  for (const auto& stream : streams) check(reader->stream_version(stream), stream);  // hot now
  Histogram latencies;
  for (const auto& stream : streams) {
    const Stopwatch one;
    const auto found = reader->stream_version(stream);
    latencies.record(one.elapsed());
    check(found, stream);
  }
  bench.results.add_latencies(
      {.workload = "R4", .setting = "1 thread", .candidate = open.name, .quantity = {}}, latencies);
}

}  // namespace

void run_queries(Bench& bench) {
  if (!bench.options.includes_candidate(kEngineName)) return;
  QueriedStore small(bench, DataSet::Small);
  QueriedStore large(bench, DataSet::Large);
  std::vector<std::function<void(std::size_t)>> turns;
  small.add_turns(turns);
  large.add_turns(turns);
  run_rounds(turns, bench.options.rounds);
}

void run_lookups(Bench& bench) {
  const auto stores = open_stores(bench.data_sets, DataSet::Large, bench.options);
  const auto& generator = bench.data_sets.generator(DataSet::Large);
  std::vector<std::function<void(std::size_t)>> turns;
  turns.reserve(stores.size());
  for (const auto& open : stores) {
    turns.emplace_back([&](std::size_t round) {
      std::vector<std::string> streams;
      for (const auto number : pick_numbers(bench.options.seed + round, bench.options.scale.lookups,
                                            generator.streams())) {
        streams.push_back(EventGenerator::stream_name(number));
      }
      look_up(bench, open, streams, generator.events() / generator.streams());
    });
  }
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
