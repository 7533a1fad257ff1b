// One measurement of this event store in PostgreSQL, for peers_bench.py: what emmett.mjs does with
// Emmett.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "arguments.hpp"
#include "eventstore/open.hpp"
#include "eventstore/postgres.hpp"
#include "generated_events.hpp"
#include "harness.hpp"
#include "run_threads.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kUsage =
    "Usage: event-store-peer --url URL --workload prepare|append|read [--threads 1] [--seconds 5]\n"
    "                        [--streams 200] [--run 1]\n"
    "Prepares streams of a hundred events, or prints the appends of one event to new streams, or\n"
    "the reads of these streams, that so many threads do in a second.\n";

constexpr double kWarmUpSeconds = 1;  // in which connections are opened
constexpr std::uint64_t kEventsInStream = 100;

struct Options {
  std::string url;
  std::string workload;
  std::size_t threads = 0;
  double seconds = 0;
  std::uint64_t streams = 0;
  std::uint64_t run = 0;  // each appends to streams of its own
};

Options parse(Arguments& arguments) {
  Options options{.url = arguments.text("--url", ""),
                  .workload = arguments.text("--workload", ""),
                  .threads = arguments.number("--threads", 1),
                  .seconds = static_cast<double>(arguments.number("--seconds", 5)),
                  .streams = arguments.number("--streams", 200),
                  .run = arguments.number("--run", 1)};
  arguments.finish();
  if (options.url.empty()) arguments.refuse("--url is missing");
  if (options.threads == 0 || options.streams == 0) arguments.refuse("0 of what there must be one");
  return options;
}

std::string stream_to_read(std::uint64_t number) {
  return fmt::format("read-{}", number);
}

NewEvent event_for(const EventGenerator& generator, std::uint64_t number, std::string stream) {
  auto event = generator.make(number);
  event.stream = std::move(stream);
  event.tags.clear();  // the others have none
  event.occurred_at.reset();
  return event;
}

AppendRequest to_new_stream(const std::string& stream) {
  AppendRequest request;
  request.checks.push_back({.stream = stream, .expected = ExpectedVersion::no_stream()});
  return request;
}

void prepare(EventStore& store, const EventGenerator& generator, const Options& options) {
  for (std::uint64_t stream = 0; stream < options.streams; ++stream) {
    const auto name = stream_to_read(stream);
    auto request = to_new_stream(name);
    for (std::uint64_t version = 0; version < kEventsInStream; ++version) {
      request.events.push_back(event_for(generator, stream * kEventsInStream + version, name));
    }
    must(store.append(std::move(request)), "append");
  }
}

void append_one(EventStore& store, const EventGenerator& generator, const std::string& stream,
                std::uint64_t number) {
  auto request = to_new_stream(stream);
  request.events.push_back(event_for(generator, number, stream));
  must(store.append(std::move(request)), "append");
}

void read_stream(EventStore& store, const std::string& stream) {
  const auto cursor = must(store.read({.selector = SelectStream{stream}}), "read");
  std::uint64_t count = 0;
  for (;;) {
    const auto events = must(cursor->next(), "read");
    if (events.empty()) break;
    for (const auto& event : events) consume(sum_of(event.data) + sum_of(event.metadata));
    count += events.size();
  }
  if (count != kEventsInStream) fail(fmt::format("read {} events of {}", count, stream));
}

// Threads that do one operation after another, each with a number of its own; operations a second.
double rate(const Options& options, double seconds,
            const std::function<void(std::uint64_t number)>& operation) {
  std::atomic<std::uint64_t> done = 0;
  const auto work = [&](std::size_t thread) {
    const Stopwatch watch;
    std::uint64_t count = 0;
    for (; watch.seconds() < seconds; ++count) operation(thread + count * options.threads);
    done += count;
  };
  const auto took = run_threads(options.threads, {.prepare = [](std::size_t) {}, .work = work});
  return static_cast<double>(done) / took;
}

double measure(EventStore& store, const EventGenerator& generator, const Options& options) {
  if (options.workload == "read") {
    const auto read = [&](std::uint64_t number) {
      read_stream(store, stream_to_read(number % options.streams));
    };
    rate(options, kWarmUpSeconds, read);
    return rate(options, options.seconds, read);
  }
  const auto append = [&](std::string_view phase) {
    return [&, phase](std::uint64_t number) {
      append_one(store, generator, fmt::format("order-{}-{}-{}", options.run, phase, number),
                 number);
    };
  };
  rate(options, kWarmUpSeconds, append("warm"));
  return rate(options, options.seconds, append("measured"));
}

int run(std::span<char* const> command_line) {
  Arguments arguments(command_line, kUsage);
  const auto options = parse(arguments);
  register_postgres_engine();
  const auto store = must(open(options.url), "open");
  const EventGenerator generator({.ids = false});
  if (options.workload == "prepare") {
    prepare(*store, generator, options);
  } else if (options.workload == "append" || options.workload == "read") {
    fmt::print("{:.1f}\n", measure(*store, generator, options));
  } else {
    arguments.refuse("no such workload: " + options.workload);
  }
  return 0;
}

}  // namespace
}  // namespace eventstore::bench

int main(int argc, char** argv) {
  return eventstore::bench::run({argv, static_cast<std::size_t>(argc)});
}
