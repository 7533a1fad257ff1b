#include "embedded_page.hpp"

#include <fmt/format.h>

#include "workloads.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kIntroduction = R"(# Benchmarks

Written by `event-store-bench`: [bench/README.md](../bench/README.md) says how to run it. Don't edit this page; run the program again.
[benchmarks-peers.md](benchmarks-peers.md) has stores in PostgreSQL, beside other event stores there.

)";

constexpr std::string_view kMethod = R"(
## How it is measured

- Every candidate does the same job: an append states the version that it expects of each of its streams, and is refused if another is
  there; its events get the next versions of their streams and the next global positions; it is atomic, and durable when it is answered; a stream can be
  read by version, everything by position. What a candidate answers is checked against what the generator of the events says, so that a
  wrong answer ends the run and is not a good time.
- **event-store** does more than that job: it also refuses a repeated event id, indexes types, tags and categories, and checks every event
  by its checksum on every read.
- **bare** is what the machine alone costs: as many bytes as event-store writes for these events, `pwrite` and `fdatasync`, into a
  file whose space is there and written already. With threads, the first of a group writes for all that came during the sync before;
  **bare-gathering** waits a moment for those whom the sync before has just released. **bare-growing** is a file that grows.
- **rocksdb**: events by position, positions by stream and version, versions by stream, in three column families; one synced `WriteBatch` an append.
  Threads write at once, under a lock for each stream, and RocksDB commits them in groups; readers stop at the last position below which all is
  written. No compression, 1 GiB of block cache, Bloom filters of 10 bits a key.
- **lmdb**: the same three tables as databases; events are appended (`MDB_APPEND`), every commit is synced. One thread writes at a time.
- **sqlite**: one table with the position as its key and `UNIQUE (stream, version)`; WAL, `synchronous=FULL`, prepared statements, the database mapped, a cache
  of 256 MiB. One thread writes at a time.
- The candidates take turns: every round runs each of them once, in another order. Given are medians over the rounds, with the least and the greatest
  in brackets. A ratio is made of two measurements of the same round, and its median is taken over the rounds. Latencies are kept in a
  histogram whose percentiles are less than 1 % too high.
- An event has 256 bytes of data and 64 of metadata (JSON), an id, a time, a type and two tags. The small store has {} of them in streams of
  100, the large one {} in streams of 10; a stream's events lie as far apart as they can.
- Reads are hot: what a round reads was read just before.
)";

}  // namespace

PageTexts embedded_page(const Options& options) {
  PageTexts texts{.introduction = kIntroduction,
                  .method = fmt::format(fmt::runtime(kMethod), options.scale.small_events,
                                        options.scale.large_events),
                  .sections = {}};
  for (const auto& workload : workloads()) texts.sections.push_back({workload.name, workload.what});
  return texts;
}

}  // namespace eventstore::bench
