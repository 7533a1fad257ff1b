#include "workloads.hpp"

#include <array>

namespace eventstore::bench {

std::span<const Workload> workloads() {
  static constexpr auto kWorkloads = std::to_array<Workload>({
      {.name = "W1",
       .what = "Appends of one event, one after another, to ten streams in turn.",
       .run = run_single_appends},
      {.name = "W2",
       .what = "Appends of one event by 32 threads at once, each to ten streams of its own.",
       .run = run_parallel_appends},
      {.name = "W3",
       .what = "Appends of 10 and of 100 events of one stream, by 1 thread and by 8 at once.",
       .run = run_batches},
      {.name = "W4",
       .what = "A bulk, in requests of 1,000 events of as many streams, in the fastest way that "
               "leaves all durable at the end: the engine has 8 requests under way, the others "
               "commit 10,000 events at a time.",
       .run = run_bulk},
      {.name = "R1",
       .what = "Reading a random stream of 100 events that lie far apart, every byte of data and "
               "metadata touched. Bare: checksum and touch of the same events at known places.",
       .run = run_stream_reads},
      {.name = "R2",
       .what = "Reading all events in order, every byte of data and metadata touched. Bare: the "
               "mapped segments, checksum and touch event by event; and the checksum of their "
               "bytes alone, with nothing touched.",
       .run = run_scans},
      {.name = "R3",
       .what = "Queries that find as many events in a small store as in a large one: a rare type; "
               "a common type with two tags. Bare: checksum and touch of the same events at known "
               "places.",
       .run = run_queries},
      {.name = "R4",
       .what = "The version of a random stream in the large store.",
       .run = run_lookups},
      {.name = "O1",
       .what = "Opening the large store in a new process; and the memory of its own that this "
               "process has after 10,000 lookups and 1,000 reads of streams.",
       .run = run_opening},
      {.name = "P1",
       .what = "Appends of one event in turns to the large store and to one of a hundredth.",
       .run = run_large_appends},
      {.name = "S1",
       .what = "Appends of 100 events without a pause over many segments: the longest.",
       .run = run_stalls},
      {.name = "S2",
       .what = "Scavenging 1 GiB of events of which every other stream is deleted, while a thread "
               "appends one event at a time. Rate: of the segments as they were before.",
       .run = run_scavenging},
      {.name = "D1",
       .what = "The disk that a store takes. Payload: names, tags, data and metadata.",
       .run = run_disk_use},
  });
  return kWorkloads;
}

}  // namespace eventstore::bench
