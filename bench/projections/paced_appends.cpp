#include "paced_appends.hpp"

#include <thread>
#include <utility>

#include <fmt/format.h>

#include "generated_events.hpp"
#include "harness.hpp"

namespace eventstore::bench {

std::string paced_category(std::uint64_t number) {
  return fmt::format("paced{}", number);
}

std::vector<Acknowledged> append_at_pace(EventStore& store, const PacedAppends& appends) {
  const EventGenerator generator({.ids = false});
  std::vector<Acknowledged> acknowledged;
  auto next = std::chrono::steady_clock::now();
  const Stopwatch watch;
  while (watch.seconds() < appends.seconds && !appends.stop.stop_requested()) {
    AppendRequest request;
    auto& event = request.events.emplace_back(generator.make(acknowledged.size()));
    event.stream = paced_category(acknowledged.size() % appends.categories) + "-1";
    const auto appended = must(store.append(std::move(request)), "append");
    acknowledged.push_back(
        {.position = appended.last_position, .at = std::chrono::steady_clock::now()});
    if (appends.on_append) appends.on_append(acknowledged.back());
    next += appends.between;
    std::this_thread::sleep_until(next);
  }
  return acknowledged;
}

}  // namespace eventstore::bench
