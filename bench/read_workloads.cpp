// R1 and R2: what reading a stream and reading everything cost.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bare_appender.hpp"
#include "bare_events.hpp"
#include "harness.hpp"
#include "open_stores.hpp"
#include "run_threads.hpp"
#include "workloads.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kBareChecksumsName = "bare, checksums alone";

struct StreamToRead {
  std::uint64_t number;
  std::string name;
};

// Reads a stream to its end. Each thread makes one of its own.
using StreamRead = std::function<Touched(const StreamToRead& stream)>;
struct StreamReader {
  std::string name;
  std::function<StreamRead()> make;
};

StreamRead read_from(Store& store) {
  return [reader = std::shared_ptr<Reader>(store.reader())](const StreamToRead& stream) {
    Touched touched;
    reader->read_stream(stream.name, [&touched](const EventView& event) {
      touched.add(event.metadata, event.data);
    });
    return touched;
  };
}

std::vector<StreamToRead> pick_streams(std::uint64_t seed, std::size_t count, std::uint64_t below) {
  std::vector<StreamToRead> streams;
  streams.reserve(count);
  for (const auto number : pick_numbers(seed, count, below)) {
    streams.push_back({.number = number, .name = EventGenerator::stream_name(number)});
  }
  return streams;
}

// What the store holds, and who reads it.
class StreamReads {
 public:
  StreamReads(Bench& bench, std::vector<StreamReader> readers)
      : bench_(bench),
        readers_(std::move(readers)),
        expected_(touched_by_stream(bench.data_sets.generator(DataSet::Small))) {}

  void run(std::size_t threads) {
    std::vector<std::function<void(std::size_t)>> turns;
    turns.reserve(readers_.size());
    for (const auto& reader : readers_) {
      turns.emplace_back(
          [this, &reader, threads](std::size_t round) { run_once(reader, threads, round); });
    }
    run_rounds(turns, bench_.options.rounds);
  }

 private:
  void run_once(const StreamReader& reader, std::size_t threads, std::size_t round) {
    std::vector<Histogram> latencies(threads);
    std::vector<StreamRead> reads(threads);
    std::vector<std::vector<StreamToRead>> streams(threads);
    const auto warm_up = [&](std::size_t thread) {
      reads[thread] = reader.make();
      streams[thread] = pick_streams(bench_.options.seed + round * threads + thread,
                                     bench_.options.scale.stream_reads, expected_.size());
      for (const auto& stream : streams[thread]) check(reads[thread](stream), stream);
    };
    const auto measure = [&](std::size_t thread) {
      for (const auto& stream : streams[thread]) {
        const Stopwatch one;
        const auto touched = reads[thread](stream);
        latencies[thread].record(one.elapsed());
        check(touched, stream);
      }
    };
    const auto seconds = run_threads(threads, {.prepare = warm_up, .work = measure});
    report(reader, latencies, seconds);
  }

  void check(const Touched& touched, const StreamToRead& stream) const {
    expect_same(touched, expected_[stream.number], stream.name);
  }

  void report(const StreamReader& reader, std::span<const Histogram> latencies, double seconds) {
    Histogram all;
    for (const auto& own : latencies) all.add(own);
    MeasureName name{
        .workload = "R1",
        .setting = fmt::format("{} thread{}", latencies.size(), latencies.size() == 1 ? "" : "s"),
        .candidate = reader.name,
        .quantity = {}};
    bench_.results.add_latencies(name, all);
    name.quantity = kRate;
    bench_.results.add(name, "streams/s", static_cast<double>(all.count()) / seconds);
  }

  Bench& bench_;
  std::vector<StreamReader> readers_;
  std::vector<Touched> expected_;
};

// The engine's events at known places; null where the engine or "bare" takes no part.
std::unique_ptr<BareEvents> bare_events(Bench& bench) {
  const auto* const engine = find_store_kind(kEngineName);
  if (!bench.options.includes_candidate(kBareName)) return nullptr;
  if (!bench.options.includes_candidate(kEngineName)) return nullptr;
  return std::make_unique<BareEvents>(bench.data_sets.folder(DataSet::Small, *engine),
                                      bench.data_sets.generator(DataSet::Small));
}

using Scan = std::function<Touched()>;
struct NamedScan {
  std::string name;
  Scan run;  // scans everything once, and returns what it touched
};

Scan scan_of(Store& store) {
  return [reader = std::shared_ptr<Reader>(store.reader())] {
    Touched touched;
    reader->read_all(
        [&touched](const EventView& event) { touched.add(event.metadata, event.data); });
    return touched;
  };
}

void run_scan(Bench& bench, const NamedScan& scan, const Touched& expected) {
  const Stopwatch watch;
  const auto touched = scan.run();
  const auto seconds = watch.seconds();
  if (scan.name != kBareChecksumsName) expect_same(touched, expected, "scan, " + scan.name);
  bench.results.add({.workload = "R2",
                     .setting = "1 thread",
                     .candidate = scan.name,
                     .quantity = std::string(kRate)},
                    "events/s", static_cast<double>(expected.events) / seconds);
}

}  // namespace

void run_stream_reads(Bench& bench) {
  const auto bare = bare_events(bench);
  const auto stores = open_stores(bench.data_sets, DataSet::Small, bench.options);
  std::vector<StreamReader> readers;
  if (bare) {
    readers.push_back({.name = std::string(kBareName), .make = [&bare] {
                         return [&bare](const StreamToRead& stream) {
                           return bare->touch_stream(stream.number);
                         };
                       }});
  }
  for (const auto& open : stores) {
    readers.push_back({.name = open.name, .make = [&open] { return read_from(*open.store); }});
  }
  StreamReads reads(bench, std::move(readers));
  reads.run(1);
  reads.run(2);
}

void run_scans(Bench& bench) {
  const auto bare = bare_events(bench);
  const auto stores = open_stores(bench.data_sets, DataSet::Small, bench.options);
  Touched expected;
  for (const auto& stream : touched_by_stream(bench.data_sets.generator(DataSet::Small))) {
    expected.add(stream);
  }
  std::vector<NamedScan> scans;
  if (bare) {
    scans.push_back({std::string(kBareName), [&bare] { return bare->touch_all(); }});
    scans.push_back({std::string(kBareChecksumsName), [&bare] {
                       bare->checksum_segments();
                       return Touched{};
                     }});
  }
  for (const auto& open : stores) scans.push_back({open.name, scan_of(*open.store)});

  std::vector<std::function<void(std::size_t)>> turns;
  turns.reserve(scans.size());
  for (const auto& scan : scans) {
    scan.run();  // hot from here on
    turns.emplace_back([&](std::size_t) { run_scan(bench, scan, expected); });
  }
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
