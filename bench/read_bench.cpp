// What reading costs: scans, streams, queries and opening, beside what the mapped bytes alone cost.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "arguments.hpp"
#include "core/codec.hpp"
#include "eventstore/open.hpp"
#include "generated_events.hpp"
#include "harness.hpp"
#include "segment_files.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kUsage =
    "Usage: read_bench [--folder bench-read] [--events 1000000] [--rounds 5] [--streams 2000]\n"
    "                  [--queries 200] [--json FILE]\n"
    "  --folder F   where the store is made, or found as a run before left it\n"
    "  --streams N  streams read in a round, and looked up\n"
    "  --queries N  queries in a round\n";

constexpr std::size_t kEventsPerAppend = 1000;
constexpr std::size_t kHeaderBytes = 64;                                 // of an event
constexpr std::size_t kPrefixBytes = std::string_view("order-").size();  // of a stream's name

struct Options {
  std::filesystem::path folder;
  std::uint64_t events;
  std::size_t rounds;
  std::size_t streams;
  std::size_t queries;
  std::string json;
};

Options parse(std::span<char*> command_line) {
  Arguments arguments(command_line, kUsage);
  Options options{.folder = arguments.text("--folder", "bench-read"),
                  .events = arguments.number("--events", 1'000'000),
                  .rounds = arguments.number("--rounds", 5),
                  .streams = arguments.number("--streams", 2'000),
                  .queries = arguments.number("--queries", 200),
                  .json = arguments.text("--json", "")};
  arguments.finish();
  return options;
}

// Bytes gone through, and their sum as proof.
struct Touched {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t sum = 0;

  void add(std::string_view metadata, std::string_view data) {
    ++events;
    bytes += metadata.size() + data.size();
    sum += sum_of(metadata) + sum_of(data);
  }
  friend bool operator==(const Touched&, const Touched&) = default;
};

void expect_same(const Touched& touched, const Touched& expected, std::string_view what) {
  if (touched == expected) return;
  fail(fmt::format("{}: {} events of {} bytes with the sum {:x}, expected {} of {} with {:x}", what,
                   touched.events, touched.bytes, touched.sum, expected.events, expected.bytes,
                   expected.sum));
}

// What a reader of the generated events has to find.
class Expectations {
 public:
  explicit Expectations(const EventGenerator& generator)
      : customers_(generator.customers()),
        matches_(EventGenerator::kTypes * EventGenerator::kRegions * customers_) {
    NewEvent event;
    for (std::uint64_t i = 0; i < generator.events(); ++i) {
      generator.make(i, event);
      all.add(event.metadata, event.data);
      ++matches_[index(generator.type_of(i), generator.region_of(i), generator.customer_of(i))];
    }
  }

  std::uint64_t matches(std::uint64_t type, std::uint64_t region, std::uint64_t customer) const {
    return matches_[index(type, region, customer)];
  }

  Touched all;

 private:
  std::size_t index(std::uint64_t type, std::uint64_t region, std::uint64_t customer) const {
    return (type * EventGenerator::kRegions + region) * customers_ + customer;
  }

  std::uint64_t customers_;
  std::vector<std::uint64_t> matches_;
};

// The contents that count, found by the lengths in the event's header (docs/formats/store.md).
void touch(std::span<const std::byte> event, Touched& touched) {
  const auto length16 = [&](std::size_t at) { return load_le<std::uint16_t>(event.data() + at); };
  const auto metadata_bytes = load_le<std::uint32_t>(event.data() + 56);
  const auto data_bytes = load_le<std::uint32_t>(event.data() + 60);
  const std::size_t metadata_at = kHeaderBytes + length16(48) + length16(50) + length16(52);
  touched.add(as_chars(event.subspan(metadata_at, metadata_bytes)),
              as_chars(event.subspan(metadata_at + metadata_bytes, data_bytes)));
}

std::uint32_t crc_of(std::span<const std::byte> event) {
  return crc32c(event.subspan(4, kHeaderBytes - 4), crc32c(event.subspan(kHeaderBytes)));
}

// The stream of a generated event: the number in its name, "order-00000042".
std::size_t stream_of(std::span<const std::byte> event) {
  const auto name =
      as_chars(event.subspan(kHeaderBytes, load_le<std::uint16_t>(event.data() + 48)));
  std::size_t stream = 0;
  std::from_chars(name.data() + kPrefixBytes, name.data() + name.size(), stream);
  return stream;
}

// Keeps the compiler from leaving out a computation whose result nobody wants.
void consume(std::uint64_t value) {
  asm volatile("" : : "r"(value));
}

Touched read_to_end(EventStore& store, ReadRequest request) {
  const auto cursor = must(store.read(std::move(request)), "read");
  Touched touched;
  for (auto batch = must(cursor->next(), "next"); !batch.empty();
       batch = must(cursor->next(), "next")) {
    for (const auto& event : batch) touched.add(event.metadata, event.data);
  }
  return touched;
}

void fill(EventStore& store, const EventGenerator& generator) {
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < generator.events();) {
    AppendRequest request;
    const auto end = std::min<std::uint64_t>(i + kEventsPerAppend, generator.events());
    for (; i < end; ++i) request.events.push_back(generator.make(i));
    must(store.append(std::move(request)), "append");
  }
  fmt::print(stderr, "made a store of {} events in {:.1f} s\n", generator.events(),
             watch.seconds());
}

// Leaves a store of the generator's events at `path`, made now or by a run before.
void provide_store(const std::filesystem::path& path, const EventGenerator& generator) {
  std::filesystem::create_directories(path.parent_path());
  const auto store = must(open(path.string()), "open");
  const auto events = must(store->stats(), "stats").events;
  if (events == 0) return fill(*store, generator);
  if (events != generator.events()) {
    fail(fmt::format("{} has {} events: remove it to have it made again", path.string(), events));
  }
}

// Sample by sample: calls operation(0), operation(1), ... and notes how long each takes.
template <typename Operation>
Sample time_each(std::size_t count, Operation operation) {
  Sample sample{.seconds = 0, .operations = count, .latencies_us = {}};
  sample.latencies_us.reserve(count);
  const Stopwatch total;
  for (std::size_t i = 0; i < count; ++i) {
    const Stopwatch one;
    operation(i);
    sample.latencies_us.push_back(one.seconds() * 1e6);
  }
  sample.seconds = total.seconds();
  return sample;
}

class ReadBench {
 public:
  ReadBench(const Options& options, const EventGenerator& generator)
      : options_(options),
        generator_(generator),
        path_(options.folder / fmt::format("bench-store-{}", options.events)),
        expectations_(generator) {
    provide_store(path_, generator);
    files_ = std::make_unique<SegmentFiles>(path_);
    events_by_stream_.resize(generator.streams());
    files_->for_each_event(
        [this](auto event) { events_by_stream_.at(stream_of(event)).push_back(event); });
  }

  void run(Report& report) {
    measure_opening(report);
    store_ = must(open(path_.string()), "open");
    scan_store();  // to have every page mapped
    scan_bare();
    measure_scan(report);
    measure_streams(report);
    measure_lookups(report);
    measure_queries(report);
  }

 private:
  void measure_opening(Report& report) {
    const auto opening = [this](bool read_only) {
      const Stopwatch watch;
      const auto store = must(open(path_.string(), {.read_only = read_only}), "open");
      return Sample{.seconds = watch.seconds(), .operations = 1, .latencies_us = {}};
    };
    const std::array<Candidate, 2> candidates = {{
        {"open for writing", [&](auto) { return opening(false); }},
        {"open read-only", [&](auto) { return opening(true); }},
    }};
    report.heading("Opening");
    for (auto& candidate : run_rounds(candidates, options_.rounds)) {
      for (auto& rate : candidate.rates) rate = 1000 / rate;
      report.add(candidate.name, "ms", candidate.rates);
    }
  }

  Sample scan_store() const {
    const Stopwatch watch;
    const auto touched = read_to_end(*store_, {});
    const auto seconds = watch.seconds();
    expect_same(touched, expectations_.all, "scan of the store");
    return {.seconds = seconds, .operations = files_->bytes(), .latencies_us = {}};
  }

  Sample scan_bare() const {
    const Stopwatch watch;
    for (const auto segment : files_->segments()) consume(crc32c(segment));
    return {.seconds = watch.seconds(), .operations = files_->bytes(), .latencies_us = {}};
  }

  // As above, but event by event, and with the sum.
  Sample scan_bare_events() const {
    const Stopwatch watch;
    Touched touched;
    files_->for_each_event([&touched](auto event) {
      consume(crc_of(event));
      touch(event, touched);
    });
    const auto seconds = watch.seconds();
    expect_same(touched, expectations_.all, "scan of the mapped segments");
    return {.seconds = seconds, .operations = files_->bytes(), .latencies_us = {}};
  }

  void measure_scan(Report& report) const {
    const std::array<Candidate, 3> candidates = {{
        {"scan, store", [this](auto) { return scan_store(); }},
        {"scan, bare: CRC of each segment", [this](auto) { return scan_bare(); }},
        {"scan, bare: CRC and sum of each event", [this](auto) { return scan_bare_events(); }},
    }};
    const auto measured = run_rounds(candidates, options_.rounds);
    const auto payload = static_cast<double>(expectations_.all.bytes);
    const auto share = payload / static_cast<double>(files_->bytes());
    report.heading(fmt::format("Scan of {} events: {:.0f} MB of segments, {:.0f} MB of payload",
                               options_.events, static_cast<double>(files_->bytes()) / 1e6,
                               payload / 1e6));
    for (const auto& candidate : measured) {
      auto rates = candidate.rates;
      for (auto& rate : rates) rate /= 1e9;
      report.add(candidate.name, "GB/s", rates);
    }
    auto payload_rates = measured[0].rates;
    for (auto& rate : payload_rates) rate *= share / 1e9;
    report.add("scan, store, counting payload alone", "GB/s", payload_rates);
    report.add("scan: time, store / bare by event", "times",
               ratios(measured[2].rates, measured[0].rates));
  }

  // `count` numbers below `below`: others each round, the same for each candidate.
  static std::vector<std::uint64_t> pick(std::size_t round, std::size_t count,
                                         std::uint64_t below) {
    std::mt19937_64 random(round + 1);
    std::vector<std::uint64_t> picked(count);
    for (auto& number : picked) number = random() % below;
    return picked;
  }

  Touched touch_stream(std::uint64_t stream) const {
    Touched touched;
    for (const auto event : events_by_stream_[stream]) {
      consume(crc_of(event));
      touch(event, touched);
    }
    return touched;
  }

  Sample read_streams(std::size_t round) const {
    const auto streams = pick(round, options_.streams, generator_.streams());
    std::vector<Touched> found(streams.size());
    auto sample = time_each(streams.size(), [&](std::size_t i) {
      ReadRequest request;
      request.selector = SelectStream{EventGenerator::stream_name(streams[i])};
      found[i] = read_to_end(*store_, std::move(request));
    });
    for (std::size_t i = 0; i < streams.size(); ++i) {
      expect_same(found[i], touch_stream(streams[i]), EventGenerator::stream_name(streams[i]));
    }
    return sample;
  }

  Sample read_streams_bare(std::size_t round) const {
    const auto streams = pick(round, options_.streams, generator_.streams());
    return time_each(streams.size(), [&](std::size_t i) { consume(touch_stream(streams[i]).sum); });
  }

  void measure_streams(Report& report) const {
    const std::array<Candidate, 2> candidates = {{
        {"stream of 100, store", [this](auto round) { return read_streams(round); }},
        {"stream of 100, bare: known places",
         [this](auto round) { return read_streams_bare(round); }},
    }};
    report.heading(fmt::format("Reading {} random streams of {} events", options_.streams,
                               generator_.events() / generator_.streams()));
    const auto measured = run_rounds(candidates, options_.rounds);
    add_latencies(report, measured);
    report.add("stream of 100: median, store / bare", "times",
               ratios(measured[0].median_us, measured[1].median_us));
  }

  Sample look_up(std::size_t round) const {
    const auto streams = pick(round, options_.streams, generator_.streams());
    return time_each(streams.size(), [&](std::size_t i) {
      const auto name = EventGenerator::stream_name(streams[i]);
      const auto info = must(store_->stream_info(name), "stream_info");
      if (!info || info->version.value != events_by_stream_[streams[i]].size()) {
        fail("a wrong version of " + name);
      }
    });
  }

  void measure_lookups(Report& report) const {
    const std::array<Candidate, 1> candidates = {
        {{"latest version of a stream", [this](auto round) { return look_up(round); }}}};
    report.heading(fmt::format("Looking up {} random streams", options_.streams));
    add_latencies(report, run_rounds(candidates, options_.rounds));
  }

  Sample query(std::size_t round) const {
    const auto customers = pick(round, options_.queries, generator_.customers());
    return time_each(customers.size(), [&](std::size_t i) {
      const auto type = i % EventGenerator::kTypes;
      const auto region = i / EventGenerator::kTypes % EventGenerator::kRegions;
      ReadRequest request;
      request.selector = Query::of({{.types = {std::string(EventGenerator::type_name(type))},
                                     .tags = {EventGenerator::region_tag(region),
                                              EventGenerator::customer_tag(customers[i])}}});
      const auto found = read_to_end(*store_, std::move(request)).events;
      const auto expected = expectations_.matches(type, region, customers[i]);
      if (found != expected) {
        fail(fmt::format("a query found {} events, expected {}", found, expected));
      }
    });
  }

  void measure_queries(Report& report) const {
    const std::array<Candidate, 1> candidates = {
        {{"query by type and two tags", [this](auto round) { return query(round); }}}};
    report.heading(fmt::format("{} queries that find about 100 events each", options_.queries));
    add_latencies(report, run_rounds(candidates, options_.rounds));
  }

  static void add_latencies(Report& report, const std::vector<Measured>& measured) {
    for (const auto& candidate : measured) {
      report.add(candidate.name + ": median", "us", candidate.median_us);
      report.add(candidate.name + ": p99", "us", candidate.p99_us);
    }
  }

  const Options& options_;
  const EventGenerator& generator_;
  std::filesystem::path path_;
  Expectations expectations_;
  std::unique_ptr<SegmentFiles> files_;
  std::vector<std::vector<std::span<const std::byte>>> events_by_stream_;
  std::unique_ptr<EventStore> store_;
};

int run(std::span<char*> command_line) {
  const auto options = parse(command_line);
  const EventGenerator generator({.events = options.events});
  Report report;
  ReadBench(options, generator).run(report);
  report.write_json(options.json);
  return 0;
}

}  // namespace
}  // namespace eventstore::bench

int main(int argc, char** argv) {
  return eventstore::bench::run({argv, static_cast<std::size_t>(argc)});
}
