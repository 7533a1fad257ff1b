#include "eventstore/subscription.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "subscription/subscription_test_support.hpp"

// Subscriptions over each engine.
namespace eventstore {
namespace {

using test::append_one;
using test::catch_up;
using test::code_of;
using test::Delivered;
using test::expected_events;
using test::soon;
using test::take;
using test::take_up_to;
using test::value_of;
using Positions = std::vector<std::uint64_t>;

class CatchUp : public test::SubscriptionTest {};

INSTANTIATE_TEST_SUITE_P(Engines, CatchUp, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(CatchUp, DeliversWhatIsStoredAndThenWhatIsAppended) {
  append_one(store(), "a");
  append_one(store(), "b");
  const auto subscription = open();
  EXPECT_EQ(subscription->position(), GlobalPosition{});
  EXPECT_FALSE(subscription->is_live());
  auto delivered = catch_up(*subscription);
  EXPECT_EQ(delivered.positions, Positions({1, 2}));
  EXPECT_EQ(delivered.signals, std::vector{SubscriptionSignal::CaughtUp});
  EXPECT_EQ(subscription->position(), GlobalPosition{2});

  auto waiting = std::async(std::launch::async, [&] { take(*subscription, delivered); });
  append_one(store(), "a");
  waiting.get();
  append_one(store(), "c");
  take_up_to(*subscription, delivered, {4});
  EXPECT_EQ(delivered.events, test::read_everything(store()));
  EXPECT_TRUE(subscription->is_live());
}

TEST_P(CatchUp, OfAnEmptyStoreIsLiveAtOnce) {
  const auto subscription = open();
  const auto first = value_of(subscription->next(soon()));
  EXPECT_EQ(first.signal, SubscriptionSignal::CaughtUp);
  EXPECT_TRUE(first.events.empty());
  EXPECT_EQ(first.position, GlobalPosition{});
  EXPECT_EQ(code_of(subscription->next(test::in(std::chrono::milliseconds(20)))),
            ErrorCode::DeadlineExceeded);
  append_one(store(), "a");
  EXPECT_EQ(value_of(subscription->next(soon())).events.size(), 1U);
}

TEST_P(CatchUp, DeliversAtMostAsManyEventsAsAskedFor) {
  value_of(store().append(test::append_to("s", ExpectedVersion::any(), 300)));
  const auto subscription = open({.batch_events_max = 7});
  Delivered delivered;
  while (!subscription->is_live()) {
    const auto delivery = take(*subscription, delivered);
    EXPECT_LE(delivery.events.size(), 7U);
    if (!delivery.events.empty()) {
      EXPECT_EQ(delivery.position, delivery.events.back().position);
    }
  }
  value_of(store().append(test::append_to("s", ExpectedVersion::any(), 20)));
  while (subscription->position() < GlobalPosition{320}) {
    EXPECT_LE(take(*subscription, delivered).events.size(), 7U);
  }
  EXPECT_EQ(delivered.events, test::read_everything(store()));
}

// What is deleted leaves holes, which are no events that are missing.
TEST_P(CatchUp, PassesOverWhatIsDeleted) {
  for (int round = 0; round < 5; ++round) {
    append_one(store(), "gone");
    append_one(store(), "stays");
  }
  value_of(store().truncate_stream("stays", {3}, ExpectedVersion::any()));
  value_of(store().delete_stream("gone", ExpectedVersion::any()));
  const auto subscription = open();
  auto delivered = catch_up(*subscription);
  EXPECT_EQ(delivered.events, test::read_events(store()));
  EXPECT_EQ(subscription->position(), value_of(store().head()));
  append_one(store(), "gone");
  take_up_to(*subscription, delivered, value_of(store().head()));
  EXPECT_EQ(delivered.events, test::read_events(store()));
}

void append_mixed(EventStore& store, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    append_one(store, "order-1", "Placed");
    append_one(store, "order-2", "Paid");
    append_one(store, "user-1", "Joined");
    value_of(store.append(
        AppendRequest{.events = {test::tagged_event_of("user-2", "Placed", {"red"}),
                                 test::tagged_event_of("user-2", "Paid", {"red", "blue"})}}));
    value_of(store.set_stream_metadata("order-1", "{}", ExpectedVersion::any()));
  }
}

std::vector<SubscriptionFilter> filters() {
  return {
      {},
      {.include_system = true},
      {.selector = SelectStream{"user-2"}},
      {.selector = SelectStream{"nobody"}},
      {.selector = SelectStream{"$$order-1"}},
      {.selector = SelectStream{"user-2"}, .types = {"Paid"}},
      {.selector = SelectCategory{"order"}},
      {.selector = Query::of({{.types = {"Joined"}, .tags = {}}, {.types = {}, .tags = {"blue"}}})},
      {.types = {"Placed", "Joined"}},
      {.stream_prefix = "user-"},
      {.stream_pattern = "-1$"},
      {.stream_pattern = "-1$", .type_pattern = "^J", .include_system = true},
      {.selector = SelectStream{"user-2"}, .type_pattern = "^Pa"},
      {.selector = SelectCategory{"user"}, .stream_pattern = "^[^2]*$"},
      {.type_pattern = "^nothing is called so$"},
  };
}

TEST_P(CatchUp, DeliversWhatItsFilterMatchesStoredAndAppended) {
  append_mixed(store(), 4);
  std::vector<std::unique_ptr<Subscription>> live;
  std::vector<Delivered> delivered;
  for (const auto& filter : filters()) {
    live.push_back(open({.filter = filter}));
    delivered.push_back(catch_up(*live.back()));
  }
  append_mixed(store(), 4);
  const auto head = value_of(store().head());
  for (std::size_t index = 0; index < live.size(); ++index) {
    take_up_to(*live[index], delivered[index], head);
    EXPECT_EQ(delivered[index].events, expected_events(store(), filters()[index], 0))
        << "filter " << index;
  }
}

TEST_P(CatchUp, BeginsAfterEachPosition) {
  append_mixed(store(), 3);
  value_of(store().truncate_stream("user-2", {3}, ExpectedVersion::any()));
  const auto head = value_of(store().head()).value;
  for (std::uint64_t position = 0; position <= head; ++position) {
    for (const auto& filter : {SubscriptionFilter{},
                               {.selector = SelectStream{"user-2"}},
                               {.selector = SelectStream{"nobody"}},
                               {.selector = SelectStream{"order-1"}, .types = {"Placed"}}}) {
      const auto subscription = open({.filter = filter, .start = AfterPosition{{position}}});
      EXPECT_EQ(subscription->position().value, position);
      EXPECT_EQ(catch_up(*subscription).events, expected_events(store(), filter, position))
          << "after " << position;
    }
  }
}

TEST_P(CatchUp, RefusesToBeginBeyondTheHead) {
  append_one(store(), "s");
  EXPECT_TRUE(subscriptions().open({.start = AfterPosition{{1}}}).has_value());
  const auto error = test::error_of(subscriptions().open({.start = AfterPosition{{2}}}));
  EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
  EXPECT_NE(error.message.find("restored"), std::string::npos) << error.message;
}

TEST_P(CatchUp, RefusesWhatItCannotDo) {
  EXPECT_EQ(code_of(subscriptions().open({.filter = {.type_pattern = "("}})),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(subscriptions().open({.filter = {.selector = Query{}}})),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(subscriptions().open({.batch_events_max = 0})), ErrorCode::InvalidArgument);
}

TEST_P(CatchUp, BeginsAtTheEnd) {
  append_one(store(), "s");
  const auto subscription = open({.start = FromEnd{}});
  append_one(store(), "s");
  auto delivered = catch_up(*subscription);
  append_one(store(), "s");
  take_up_to(*subscription, delivered, {3});
  EXPECT_EQ(delivered.positions, Positions({2, 3}));
}

TEST_P(CatchUp, BeginsWithTheFirstEventOfATime) {
  append_mixed(store(), 4);
  value_of(store().truncate_stream("user-2", {3}, ExpectedVersion::any()));
  const auto all = test::read_everything(store());
  std::vector<Timestamp> times = {Timestamp::min(), Timestamp::max()};
  for (const auto& event : all) {
    times.push_back(event.recorded_at);
    times.push_back(event.recorded_at + std::chrono::microseconds(1));
  }
  for (const auto time : times) {
    std::vector<RecordedEvent> expected;
    for (const auto& event : all) {
      if (event.recorded_at >= time) expected.push_back(event);
    }
    const auto subscription = open({.filter = {.include_system = true}, .start = SinceTime{time}});
    EXPECT_EQ(catch_up(*subscription).events, expected);
  }
}

// The position goes on through what does not match, and is not told for every single event.
TEST_P(CatchUp, TellsNowAndThenHowFarItHasCome) {
  const auto subscription = open({.filter = {.selector = SelectCategory{"rare"}}});
  auto delivered = catch_up(*subscription);
  const auto deliveries_before = delivered.deliveries;
  const auto begin = std::chrono::steady_clock::now();
  for (int count = 0; count < 100; ++count) append_one(store(), "other-1");
  take_up_to(*subscription, delivered, {100});
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_TRUE(delivered.events.empty());
  EXPECT_LE(delivered.deliveries - deliveries_before,
            2 + static_cast<std::size_t>(took / std::chrono::milliseconds(100)));
  append_one(store(), "rare-1");
  take(*subscription, delivered);
  EXPECT_EQ(delivered.positions, Positions({101}));
}

TEST_P(CatchUp, TellsThePositionWhenItsDeadlineIsThere) {
  const auto subscription = open({.filter = {.type_pattern = "^Rare$"}});
  for (int count = 0; count < 300; ++count) append_one(store(), "s");
  const auto delivery = value_of(subscription->next(Deadline::min()));
  EXPECT_TRUE(delivery.events.empty());
  EXPECT_GT(delivery.position, GlobalPosition{});
  EXPECT_EQ(subscription->position(), delivery.position);
}

TEST_P(CatchUp, EndsAWaitWhenItIsCancelled) {
  const auto subscription = open();
  std::stop_source stop;
  catch_up(*subscription);
  auto waiting = std::async(std::launch::async, [&] {
    return code_of(subscription->next(Deadline::max(), stop.get_token()));
  });
  stop.request_stop();
  EXPECT_EQ(waiting.get(), ErrorCode::Cancelled);
  append_one(store(), "s");
  EXPECT_EQ(value_of(subscription->next(soon())).events.size(), 1U);
}

TEST_P(CatchUp, GoesOnAfterItWasCancelledWhileItCaughtUp) {
  value_of(store().append(test::append_to("s", ExpectedVersion::any(), 400)));
  const auto subscription = open();
  Delivered delivered;
  std::stop_source stop;
  stop.request_stop();
  while (!subscription->is_live()) {
    EXPECT_EQ(code_of(subscription->next(soon(), stop.get_token())), ErrorCode::Cancelled);
    take(*subscription, delivered);
  }
  EXPECT_EQ(delivered.events, test::read_everything(store()));
}

}  // namespace
}  // namespace eventstore
