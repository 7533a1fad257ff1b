// What a durable append costs, beside what the disk alone costs, in one run: with one thread and
// with many.

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "arguments.hpp"
#include "bare_log.hpp"
#include "eventstore/open.hpp"
#include "generated_events.hpp"
#include "harness.hpp"
#include "log/format.hpp"

namespace eventstore::bench {
namespace {

using log::encoded_event_bytes;
using log::kFrameHeaderBytes;

constexpr std::string_view kUsage =
    "Usage: append_bench [--folder bench-append] [--rounds 5] [--threads 32] [--single 2000]\n"
    "                    [--group 20000] [--seconds 20] [--no-ids] [--json FILE]\n"
    "  --folder F   where to write: a new folder on the disk to measure\n"
    "  --single N   appends of one thread in a round\n"
    "  --group N    appends of all threads together in a round\n"
    "  --seconds S  a candidate's round ends after so long at the latest\n"
    "  --no-ids     the store makes the events' ids\n";

struct Options {
  std::filesystem::path folder;
  std::size_t rounds;
  std::size_t threads;
  std::size_t single;
  std::size_t group;
  double seconds;
  bool ids;
  std::string json;
};

Options parse(std::span<char*> command_line) {
  Arguments arguments(command_line, kUsage);
  Options options{.folder = arguments.text("--folder", "bench-append"),
                  .rounds = arguments.number("--rounds", 5),
                  .threads = arguments.number("--threads", 32),
                  .single = arguments.number("--single", 2'000),
                  .group = arguments.number("--group", 20'000),
                  .seconds = static_cast<double>(arguments.number("--seconds", 20)),
                  .ids = !arguments.flag("--no-ids"),
                  .json = arguments.text("--json", "")};
  arguments.finish();
  return options;
}

// On tmpfs a sync costs nothing, and nothing can be learnt.
void refuse_tmpfs(const std::filesystem::path& folder) {
  struct statfs information{};
  if (::statfs(folder.c_str(), &information) != 0) fail_with_errno("statfs " + folder.string());
  if (information.f_type == TMPFS_MAGIC) fail(folder.string() + " is in memory (tmpfs)");
}

using Append = std::function<void(std::size_t thread, std::size_t number)>;

// Makes the appends 0 to count - 1, each once, from so many threads.
Sample run_threads(std::size_t threads, std::size_t count, double seconds_max,
                   const Append& append) {
  std::vector<std::vector<double>> latencies(threads);
  std::atomic<std::size_t> next = 0;
  std::barrier start(static_cast<std::ptrdiff_t>(threads + 1));
  std::vector<std::jthread> running;
  running.reserve(threads);
  for (std::size_t thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      auto& own = latencies[thread];
      own.reserve(count / threads * 2);
      start.arrive_and_wait();
      const Stopwatch total;
      for (auto i = next++; i < count && total.seconds() < seconds_max; i = next++) {
        const Stopwatch one;
        append(thread, i);
        own.push_back(one.seconds() * 1e6);
      }
    });
  }
  start.arrive_and_wait();
  const Stopwatch total;
  running.clear();  // joins

  Sample sample{.seconds = total.seconds(), .operations = 0, .latencies_us = {}};
  for (const auto& own : latencies) {
    sample.latencies_us.insert(sample.latencies_us.end(), own.begin(), own.end());
  }
  sample.operations = sample.latencies_us.size();
  return sample;
}

// How the streams of a round's events are spread.
enum class Spread : std::uint8_t { Generated, OwnOfThread, Few };

// Measures one way of appending; every call of run() starts afresh in an empty folder.
class Appending {
 public:
  static constexpr std::size_t kWarmUp = 32;  // appends before the first that counts
  static constexpr std::size_t kFewStreams = 4;

  Appending(const Options& options, std::size_t threads)
      : options_(options),
        threads_(threads),
        count_(threads == 1 ? options.single : options.group) {
    const EventGenerator generator({.events = kWarmUp + count_, .ids = options.ids});
    for (std::size_t i = 0; i < kWarmUp + count_; ++i) events_.push_back(generator.make(i));
  }

  Sample store(Spread spread) const {
    const auto folder = fresh_folder();
    auto store = must(open((folder / "store").string()), "open");
    std::vector<AppendRequest> requests(events_.size());
    for (std::size_t i = 0; i < events_.size(); ++i) {
      auto& event = requests[i].events.emplace_back(events_[i]);
      if (spread == Spread::Few) event.stream = EventGenerator::stream_name(i % kFewStreams);
    }
    return run([&](std::size_t thread, std::size_t i) {
      auto& event = requests[i].events.front();
      if (spread == Spread::OwnOfThread) event.stream = EventGenerator::stream_name(thread);
      must(store->append(std::move(requests[i])), "append");
    });
  }

  Sample bare() const {
    const auto folder = fresh_folder();
    BareLog log(folder / "bare", bytes_total());
    const auto bytes = largest_frame();
    return run([&](std::size_t, std::size_t i) {
      log.append(std::span(bytes).first(kFrameHeaderBytes + encoded_event_bytes(events_[i])));
    });
  }

  Sample bare_group(BareGroupLog::Gathering gathering) const {
    const auto folder = fresh_folder();
    BareGroupLog log(folder / "bare", bytes_total(), gathering);
    const auto bytes = largest_frame();
    return run([&](std::size_t, std::size_t i) {
      log.append(std::span(bytes).first(encoded_event_bytes(events_[i])));
    });
  }

 private:
  std::filesystem::path fresh_folder() const {
    auto folder = options_.folder / "bench-round";
    make_empty_folder(folder);
    return folder;
  }

  Sample run(const Append& append) const {
    for (std::size_t i = 0; i < kWarmUp; ++i) append(0, i);
    return run_threads(threads_, count_, options_.seconds,
                       [&](std::size_t thread, std::size_t i) { append(thread, kWarmUp + i); });
  }

  std::size_t bytes_total() const {
    std::size_t sum = 0;
    for (const auto& event : events_) sum += kFrameHeaderBytes + encoded_event_bytes(event);
    return sum;
  }

  std::vector<std::byte> largest_frame() const {
    std::size_t largest = 0;
    for (const auto& event : events_) largest = std::max(largest, encoded_event_bytes(event));
    return std::vector<std::byte>(kFrameHeaderBytes + largest, std::byte{0x5a});
  }

  const Options& options_;
  std::size_t threads_;
  std::size_t count_;
  std::vector<NewEvent> events_;
};

// The places of the candidates in run().
constexpr std::size_t kBare = 0;
constexpr std::size_t kStore = 1;
constexpr std::size_t kBareGroup = 2;
constexpr std::size_t kBareGather = 3;
constexpr std::size_t kStoreOwn = 4;
constexpr std::size_t kStoreFew = 5;

void report(Report& report, const Options& options, const std::vector<Measured>& measured) {
  for (const auto& candidate : measured) {
    report.heading(candidate.name);
    report.add(candidate.name + ": median latency", "us", candidate.median_us);
    report.add(candidate.name + ": p99 latency", "us", candidate.p99_us);
    report.add(candidate.name + ": rate", "appends/s", candidate.rates);
  }
  const auto rate_ratio = [&](std::string_view name, auto of, auto to) {
    report.add(name, "times", ratios(measured[of].rates, measured[to].rates));
  };
  report.heading("Ratios within a round");
  report.add("1 thread: median latency, store / bare", "times",
             ratios(measured[kStore].median_us, measured[kBare].median_us));
  rate_ratio("1 thread: time per append, store / bare", kBare, kStore);
  rate_ratio(fmt::format("store: rate, {} threads / 1", options.threads), kStoreOwn, kStore);
  rate_ratio(fmt::format("store: rate, {} threads on few streams / 1", options.threads), kStoreFew,
             kStore);
  rate_ratio(fmt::format("bare: rate, {} threads / 1", options.threads), kBareGroup, kBare);
  rate_ratio(fmt::format("bare, gathering: rate, {} threads / 1", options.threads), kBareGather,
             kBare);
  rate_ratio(fmt::format("{} threads: rate, store / bare gathering", options.threads), kStoreOwn,
             kBareGather);
}

int run(std::span<char*> command_line) {
  const auto options = parse(command_line);
  std::filesystem::create_directories(options.folder);
  refuse_tmpfs(options.folder);

  const Appending one(options, 1);
  const Appending many(options, options.threads);
  using Gathering = BareGroupLog::Gathering;
  const auto named = [&](std::string_view what) {
    return fmt::format("{}, {} threads", what, options.threads);
  };
  // In the order of kBare, kStore, ...
  const std::array<Candidate, 6> candidates = {{
      {"bare, 1 thread", [&](auto) { return one.bare(); }},
      {"store, 1 thread", [&](auto) { return one.store(Spread::Generated); }},
      {named("bare"), [&](auto) { return many.bare_group(Gathering::None); }},
      {named("bare gathering"), [&](auto) { return many.bare_group(Gathering::Briefly); }},
      {named("store"), [&](auto) { return many.store(Spread::OwnOfThread); }},
      {named("store on few streams"), [&](auto) { return many.store(Spread::Few); }},
  }};
  const auto measured = run_rounds(candidates, options.rounds);
  std::filesystem::remove_all(options.folder / "bench-round");

  Report results;
  report(results, options, measured);
  results.write_json(options.json);
  return 0;
}

}  // namespace
}  // namespace eventstore::bench

int main(int argc, char** argv) {
  return eventstore::bench::run({argv, static_cast<std::size_t>(argc)});
}
