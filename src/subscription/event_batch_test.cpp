#include "subscription/event_batch.hpp"

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/open.hpp"
#include "support/store_access.hpp"

namespace eventstore::subscription {
namespace {

// A store with `count` events that have everything an event can have.
std::unique_ptr<EventStore> store_of(std::size_t count) {
  auto store = test::value_of(open("memory:"));
  for (std::size_t index = 0; index < count; ++index) {
    auto event = test::tagged_event_of("order-" + std::to_string(index % 7), "Placed",
                                       {"a:" + std::to_string(index), "b"});
    event.data = "{\"n\":\"" + std::string(index % 300, 'x') + "\"}";
    event.metadata = index % 2 == 0 ? "" : "{\"m\":1}";
    event.occurred_at = Timestamp(std::chrono::microseconds(index));
    test::value_of(store->append(AppendRequest{.events = {std::move(event)}}));
  }
  return store;
}

std::vector<RecordedEvent> owned(std::span<const EventView> events) {
  return {events.begin(), events.end()};
}

TEST(EventBatch, HasWhatWasAppendedAfterTheCursorIsGone) {
  const auto store = store_of(1'000);
  EventBatch batch;
  {
    const auto cursor = test::value_of(store->read({}));
    for (bool by_one = false;; by_one = !by_one) {
      const auto events = test::value_of(cursor->next());
      if (events.empty()) break;
      if (!by_one) {
        batch.append(events);
      } else {
        for (const auto& event : events) batch.append(event);
      }
    }
  }
  const auto all = test::read_everything(*store);
  EXPECT_EQ(owned(batch.events()), all);
  const auto moved = std::move(batch);
  EXPECT_EQ(owned(moved.events()), all);
}

TEST(EventBatch, SaysWhatItHolds) {
  EventBatch batch;
  EXPECT_EQ(batch.bytes(), 0U);
  EXPECT_TRUE(batch.empty());
  const std::string data(1'000, 'x');
  EventView event;
  event.data = data;
  batch.append(event);
  EXPECT_GE(batch.bytes(), data.size() + sizeof(EventView));
  EXPECT_LT(batch.bytes(), data.size() + 2 * sizeof(EventView));
  for (int count = 1; count < 1'000; ++count) batch.append(event);
  EXPECT_GE(batch.bytes(), 1'000 * (data.size() + sizeof(EventView)));
  EXPECT_LE(batch.bytes(), 2'600 * (data.size() + sizeof(EventView)));
}

TEST(EventBatch, TakesOthersAfterItWasCleared) {
  const auto store = store_of(100);
  EventBatch batch;
  for (int round = 0; round < 3; ++round) {
    const auto cursor = test::value_of(store->read({}));
    const auto events = test::value_of(cursor->next());
    for (const auto& event : events) batch.append(event);
    EXPECT_EQ(owned(batch.events()), owned(events));
    batch.clear();
    EXPECT_TRUE(batch.empty());
  }
  const auto kept = batch.bytes();
  batch.clear();
  EXPECT_EQ(batch.bytes(), kept);
}

TEST(EventBatch, TakesEventsOfNoBytes) {
  EventBatch batch;
  batch.append(EventView{});
  batch.append(std::span<const EventView>());
  ASSERT_EQ(batch.events().size(), 1U);
  EXPECT_TRUE(batch.events().front().tags.empty());
}

}  // namespace
}  // namespace eventstore::subscription
