#include "projection_page.hpp"

#include <fmt/format.h>

#include "projection_bench.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kIntroduction = R"(# Benchmarks of projections and subscriptions

Written by `bench/projections/run --markdown docs/benchmarks-projections.md`; [bench/README.md](../bench/README.md) says more. Don't edit this page; run it again.

)";

constexpr std::string_view kMethod = R"(
## How it is measured

- **embedded** is a store in files with its state in SQLite beside it, **PostgreSQL** a store with its state in the same schema, on a server that was started for the
  run alone. Server and program share the machine's cores. Every append and every commit of the state is synced (`fsync` on, `synchronous_commit` on, SQLite's
  `synchronous=FULL`).
- Candidates take turns: every round runs each of them once, in another order. Given are medians over the rounds, with the least and the greatest in brackets. A ratio
  is made of two measurements of the same round, and its median is taken over the rounds. Latencies are kept in a histogram whose percentiles are less than 1 % too high.
- An event has 256 bytes of data and 64 of metadata (JSON), one of ten types and two tags. J1 and J2 have {} events, those of J2 in {} streams; J3 has {}; J5 has {}.
- **event-store** (J1, J2) is `Projections::run()` with `once` and the options' defaults after `reset()`, until `wait()` returns: every document is committed, in one
  transaction with the place that it is of. The documents are read and compared with the events afterwards.
- **bare scan** reads all events by `EventStore::read()` in one thread, and sums up their bytes.
- **a transaction an event** is a loop of one's own that reads events and for each begins a transaction, changes a row by an upsert, stores the position in another row
  and commits; over {} events.
- J3: rebuilds of the same projection, of which the live one works in the same process. Its lag is the time from the moment that an append returns until `wait_for()` says
  that the event has had its effects; of every append during the rebuild. Speed is of all events that the rebuild has gone through, from the call until it returns.
- J4: 200 appends a second of one event each. What the handler has before `append()` returns counts as 0.
- J5: ten events, each after a tenth of the others, that have a type, a category and a tag which no other has. Ten subscriptions a round, for each of the three.
- J6: turns of {:.0f} s. Delivery is from the moment that `append()` returns until the handler of a subscriber has the event, of all subscribers and all events that are
  theirs. Where each subscriber has a category, an event is of one of as many categories as there are subscribers.
- Reads are of what the machine has in memory.
)";

}  // namespace

PageTexts projection_page(const ProjectionBenchOptions& options) {
  const auto& scale = options.scale;
  PageTexts texts{.introduction = kIntroduction,
                  .method = fmt::format(fmt::runtime(kMethod), scale.events, scale.streams,
                                        scale.rebuilt_events, scale.searched_events,
                                        scale.loop_events, options.seconds),
                  .sections = {}};
  for (const auto& workload : projection_workloads()) {
    texts.sections.push_back({workload.name, workload.what});
  }
  return texts;
}

}  // namespace eventstore::bench
