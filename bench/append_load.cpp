#include "append_load.hpp"

#include <algorithm>
#include <atomic>
#include <span>

#include <fmt/format.h>

#include "generated_events.hpp"
#include "harness.hpp"
#include "run_threads.hpp"

namespace eventstore::bench {
namespace {

constexpr std::size_t kStreamsPerThread = 10;

std::size_t warm_up_of(const ThreadRequests& requests) {
  return std::min<std::size_t>(requests.size() / 10, 32);
}

void send(Appender& appender, AppendRequest& request) {
  if (!appender.append(request)) fail("an append was refused that expects the right version");
}

ThreadRequests make_thread_requests(const EventGenerator& generator, const AppendLoad& load,
                                    std::size_t thread) {
  ThreadRequests requests(load.requests_per_thread);
  auto number = thread * load.requests_per_thread * load.events_per_request;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto stream = fmt::format("{}-{:04}", load.stream_prefix,
                                    thread * kStreamsPerThread + i % kStreamsPerThread);
    const StreamVersion before{i / kStreamsPerThread * load.events_per_request};
    requests[i].checks.push_back({.stream = stream, .expected = ExpectedVersion::exactly(before)});
    requests[i].events.reserve(load.events_per_request);
    for (std::size_t event = 0; event < load.events_per_request; ++event) {
      requests[i].events.push_back(generator.make(number++));
      requests[i].events.back().stream = stream;
    }
  }
  return requests;
}

}  // namespace

std::vector<ThreadRequests> make_requests(const AppendLoad& load) {
  const EventGenerator generator(
      {.events = load.threads * load.requests_per_thread * load.events_per_request,
       .seed = load.seed});
  std::vector<ThreadRequests> requests(load.threads);
  for (std::size_t thread = 0; thread < load.threads; ++thread) {
    requests[thread] = make_thread_requests(generator, load, thread);
  }
  return requests;
}

AppendOutcome run_appends(Appender& appender, std::vector<ThreadRequests>& requests,
                          double seconds_max) {
  std::vector<Histogram> latencies(requests.size());
  std::atomic<bool> over = false;
  const auto warm_up = [&](std::size_t thread) {
    auto& own = requests[thread];
    for (auto& request : std::span(own).first(warm_up_of(own))) send(appender, request);
  };
  const auto measure = [&](std::size_t thread) {
    auto& own = requests[thread];
    const Stopwatch total;
    for (auto& request : std::span(own).subspan(warm_up_of(own))) {
      const Stopwatch one;
      send(appender, request);
      latencies[thread].record(one.elapsed());
      if (over.load(std::memory_order_relaxed) || total.seconds() > seconds_max) break;
    }
    over.store(true, std::memory_order_relaxed);
  };

  AppendOutcome outcome;
  outcome.seconds = run_threads(requests.size(), {.prepare = warm_up, .work = measure});
  for (const auto& own : latencies) outcome.latencies.add(own);
  outcome.requests = outcome.latencies.count();
  return outcome;
}

}  // namespace eventstore::bench
