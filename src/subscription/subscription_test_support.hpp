#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <regex>
#include <stdexcept>
#include <string>
#include <utility>
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

// What a subscription with that filter is to deliver, after `position`.
inline std::vector<RecordedEvent> expected_events(EventStore& store,
                                                  const SubscriptionFilter& filter,
                                                  std::uint64_t position) {
  const auto read = read_events(store, {.selector = filter.selector,
                                        .types = filter.types,
                                        .stream_prefix = filter.stream_prefix,
                                        .include_system = filter.include_system});
  std::vector<RecordedEvent> expected;
  for (const auto& event : read) {
    const bool matches = std::regex_search(event.stream, std::regex(filter.stream_pattern)) &&
                         std::regex_search(event.type, std::regex(filter.type_pattern));
    if (event.position.value > position && matches) expected.push_back(event);
  }
  return expected;
}

// Subscriptions of a new store of the engine.
class SubscriptionTest : public EngineTest {
 protected:
  Subscriptions& subscriptions() {
    if (subscriptions_ == nullptr) subscriptions_ = std::make_unique<Subscriptions>(store());
    return *subscriptions_;
  }
  std::unique_ptr<Subscription> open(SubscriptionRequest request = {}) {
    return value_of(subscriptions().open(std::move(request)));
  }
  ~SubscriptionTest() override { subscriptions_.reset(); }

 private:
  std::unique_ptr<Subscriptions> subscriptions_;
};

}  // namespace eventstore::test
