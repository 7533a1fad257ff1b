#include "timed_appends.hpp"

#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "generated_events.hpp"
#include "harness.hpp"
#include "run_threads.hpp"

namespace eventstore::bench {
namespace {

constexpr std::size_t kStreams = 10;

class AppendingThread {
 public:
  AppendingThread(EventStore& store, const TimedAppends& load, std::size_t thread)
      : store_(store), load_(load), number_(thread) {
    for (std::size_t i = 0; i < kStreams; ++i) {
      streams_[i].name = fmt::format("{}-{}-{}", load.prefix, thread, i);
    }
  }

  void warm_up() {
    for (std::size_t i = 0; i < kStreams; ++i) append();
    latencies_ = {};
  }

  void work() {
    for (const Stopwatch total; total.seconds() < load_.seconds;) append();
  }

  const Histogram& latencies() const { return latencies_; }

 private:
  struct Stream {
    std::string name;
    StreamVersion version;
  };

  void append() {
    auto& stream = streams_[turn_++ % kStreams];
    AppendRequest request;
    request.checks.push_back(
        {.stream = stream.name, .expected = ExpectedVersion::exactly(stream.version)});
    for (std::size_t i = 0; i < load_.events_per_request; ++i) {
      request.events.push_back(make_event(stream.name));
    }
    const Stopwatch watch;
    const auto result = must(store_.append(std::move(request)), "append");
    latencies_.record(watch.elapsed());
    stream.version.value += load_.events_per_request;
    if (result.streams.size() != 1 || result.streams.front().version != stream.version ||
        result.repeated) {
      fail("an append answered with another version than that of its stream");
    }
  }

  NewEvent make_event(const std::string& stream) {
    auto event = generator_.make(number_);
    number_ += load_.threads;
    event.stream = stream;
    event.tags.back() = fmt::format("load:{}", number_ % 1'000);  // no query asks for it
    if (!load_.tags) event.tags.clear();
    return event;
  }

  EventStore& store_;
  const TimedAppends& load_;
  const EventGenerator generator_{{.ids = false}};
  std::uint64_t number_;
  std::array<Stream, kStreams> streams_;
  std::size_t turn_ = 0;
  Histogram latencies_;
};

}  // namespace

TimedOutcome append_for_seconds(EventStore& store, const TimedAppends& load) {
  std::vector<AppendingThread> threads;
  threads.reserve(load.threads);
  for (std::size_t i = 0; i < load.threads; ++i) threads.emplace_back(store, load, i);
  const auto before = must(store.head(), "head");
  TimedOutcome outcome;
  outcome.seconds =
      run_threads(load.threads, {.prepare =
                                     [&](std::size_t thread) {
                                       threads[thread].warm_up();
                                       if (thread == 0) load.on_ready();
                                     },
                                 .work = [&](std::size_t thread) { threads[thread].work(); }});
  for (const auto& thread : threads) outcome.latencies.add(thread.latencies());
  outcome.events = outcome.latencies.count() * load.events_per_request;
  const auto warm_up = load.threads * kStreams * load.events_per_request;
  if (must(store.head(), "head").value < before.value + warm_up + outcome.events) {
    fail("the store has fewer events than were appended");
  }
  return outcome;
}

}  // namespace eventstore::bench
