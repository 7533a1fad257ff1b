#include <string>

#include <fmt/format.h>

#include "report.hpp"
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

// More than half of the processors were wanted by others.
bool was_busy(const Run& run) {
  return run.load_at_start > static_cast<double>(run.machine.cores) / 2;
}

constexpr std::string_view kBusy = R"(
**The machine was busy with other work.** Many of these times are of waiting for a processor (the kernel's turns are 4 ms), so that a difference
between candidates may be luck. Reads suffer less than appends: their medians are of work without waiting.
)";

std::string machine_text(const Run& run) {
  const auto& machine = run.machine;
  return fmt::format(
      "Commit {}, {}; {} cores of {}, {:.0f} GiB of memory, {} on {}. {} rounds at the scale `{}`, "
      "seed {}, in {:.0f} "
      "minutes.\nThe load average was {:.2f} at the start (what else the machine had to do) and "
      "{:.2f} at the end.\n",
      machine.commit, machine.date, machine.cores, machine.processor,
      static_cast<double>(machine.memory_bytes) / (1 << 30), machine.file_system, machine.kernel,
      run.options.rounds, run.options.scale_name, run.options.seed, run.seconds / 60,
      run.load_at_start, run.load_at_end);
}

}  // namespace

std::string to_markdown(const Run& run) {
  auto text = std::string(kIntroduction) + machine_text(run);
  if (was_busy(run)) text += kBusy;
  if (!run.verdicts.empty()) {
    text += "\n## What was asked\n\n" + targets_table(run.verdicts);
    text += "\nSpeed is of rates, or of latencies the other way round: more is better.\n";
  }
  text += fmt::format(fmt::runtime(kMethod), run.options.scale.small_events,
                      run.options.scale.large_events);
  for (const auto& workload : workloads()) {
    const auto settings = settings_of(run.results, workload.name);
    if (settings.empty()) continue;
    text += fmt::format("\n## {}\n\n{}\n", workload.name, workload.what);
    for (const auto& setting : settings) {
      text += "\n" + measures_table(run.results, std::string(workload.name), setting);
    }
  }
  return text;
}

}  // namespace eventstore::bench
