#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "eventstore/subscription.hpp"
#include "support/engines.hpp"
#include "support/store_access.hpp"

// Short ways to talk to a subscription in a test.
namespace eventstore::test {

inline Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}
inline Deadline soon() {
  return in(std::chrono::seconds(60));
}

// What a subscription has delivered so far.
struct Delivered {
  std::vector<std::uint64_t> positions;  // of the events
  std::vector<RecordedEvent> events;
  std::vector<SubscriptionSignal> signals;  // but for None
  std::size_t deliveries = 0;
};

// Takes one delivery. Throws where it breaks the order.
inline Delivery take(Subscription& subscription, Delivered& delivered) {
  const auto before = subscription.position();
  const auto delivery = value_of(subscription.next(soon()));
  ++delivered.deliveries;
  GlobalPosition last = before;
  for (const auto& event : delivery.events) {
    if (event.position <= last) throw std::runtime_error("an event came twice, or out of order");
    last = event.position;
    delivered.positions.push_back(event.position.value);
    delivered.events.emplace_back(event);
  }
  if (delivery.position < last) throw std::runtime_error("the position is before the events");
  if (subscription.position() != delivery.position) throw std::runtime_error("another position");
  if (delivery.signal != SubscriptionSignal::None) delivered.signals.push_back(delivery.signal);
  return delivery;
}

// Takes deliveries until it is live.
inline void catch_up(Subscription& subscription, Delivered& delivered) {
  while (!subscription.is_live()) take(subscription, delivered);
}
inline Delivered catch_up(Subscription& subscription) {
  Delivered delivered;
  catch_up(subscription, delivered);
  return delivered;
}

// Takes deliveries until its position is `position` or beyond.
inline void take_up_to(Subscription& subscription, Delivered& delivered, GlobalPosition position) {
  while (subscription.position() < position) take(subscription, delivered);
}

inline GlobalPosition append_one(EventStore& store, std::string stream,
                                 std::string type = "Happened") {
  return value_of(
             store.append(AppendRequest{.events = {event_of(std::move(stream), std::move(type))}}))
      .last_position;
}

}  // namespace eventstore::test
