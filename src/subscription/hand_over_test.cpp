#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/subscription.hpp"
#include "subscription/subscription_test_support.hpp"
#include "support/test_scale.hpp"

// What happens between what is stored and what is appended, over each engine.
namespace eventstore {
namespace {

using test::catch_up;
using test::Delivered;
using test::expected_events;
using test::take;
using test::take_up_to;
using test::value_of;

class HandOver : public test::SubscriptionTest {};

INSTANTIATE_TEST_SUITE_P(Engines, HandOver, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

std::string kilobytes(std::size_t count) {
  return "\"" + std::string(count << 10, 'x') + "\"";
}

void append_large(EventStore& store, int count) {
  for (; count > 0; --count) {
    auto event = test::event_of("large");
    event.data = kilobytes(8);
    value_of(store.append(AppendRequest{.events = {std::move(event)}}));
  }
}

// Who is slow goes back to what is stored; the others and the writer do not notice.
TEST_P(HandOver, FallsBehindAloneAndCatchesUpAgain) {
  Subscriptions small(store(), {.tail_bytes_max = 0});
  const auto slow = value_of(small.open({.batch_events_max = 3}));
  const auto quick = value_of(small.open({}));
  auto seen_by_slow = catch_up(*slow);
  auto seen_by_quick = catch_up(*quick);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (std::uint64_t count = 1; count <= 40; ++count) {
      append_large(store(), 1);
      take_up_to(*quick, seen_by_quick, {(round - 1) * 40 + count});
    }
    EXPECT_TRUE(slow->is_live());
    take(*slow, seen_by_slow);
    EXPECT_FALSE(slow->is_live());
    catch_up(*slow, seen_by_slow);
  }
  take_up_to(*slow, seen_by_slow, {120});
  const auto all = test::read_everything(store());
  EXPECT_EQ(seen_by_quick.events, all);
  EXPECT_EQ(seen_by_slow.events, all);
  EXPECT_EQ(seen_by_quick.signals, std::vector{SubscriptionSignal::CaughtUp});
  using enum SubscriptionSignal;
  EXPECT_EQ(seen_by_slow.signals, std::vector({CaughtUp, FellBehind, CaughtUp, FellBehind, CaughtUp,
                                               FellBehind, CaughtUp}));
}

// A batch that a subscription has begun stays, wherever the window goes.
TEST_P(HandOver, KeepsWhatItDelivers) {
  Subscriptions small(store(), {.tail_bytes_max = 0});
  const auto subscription = value_of(small.open({.batch_events_max = 1}));
  const auto other = value_of(small.open({}));
  auto delivered = catch_up(*subscription);
  auto seen_by_other = catch_up(*other);
  auto request = test::append_to("s", ExpectedVersion::any(), 2);
  for (auto& event : request.events) event.data = kilobytes(1);
  value_of(store().append(std::move(request)));
  const auto first = take(*subscription, delivered);
  ASSERT_EQ(first.events.size(), 1U);
  take_up_to(*other, seen_by_other, {2});
  for (std::uint64_t position = 3; position <= 42; ++position) {
    append_large(store(), 1);
    take_up_to(*other, seen_by_other, {position});
  }
  EXPECT_EQ(first.events.front().data, kilobytes(1));
  EXPECT_EQ(take(*subscription, delivered).events.front().data, kilobytes(1));
}

TEST_P(HandOver, EndsInEveryState) {
  append_large(store(), 3);
  Subscriptions small(store(), {.tail_bytes_max = 0});
  const auto live = value_of(small.open({}));
  auto seen = catch_up(*live);
  value_of(small.open({}));
  {
    const auto begun = value_of(small.open({.batch_events_max = 1}));
    Delivered delivered;
    take(*begun, delivered);
  }
  {
    const auto caught_up = value_of(small.open({}));
    catch_up(*caught_up);
  }
  {
    const auto within_a_batch = value_of(small.open({.batch_events_max = 1}));
    auto delivered = catch_up(*within_a_batch);
    value_of(store().append(test::append_to("s", ExpectedVersion::any(), 2)));
    take(*within_a_batch, delivered);
  }
  {
    const auto behind = value_of(small.open({}));
    auto delivered = catch_up(*behind);
    for (std::uint64_t position = 6; position <= 45; ++position) {
      append_large(store(), 1);
      take_up_to(*live, seen, {position});
    }
    EXPECT_EQ(take(*behind, delivered).signal, SubscriptionSignal::FellBehind);
  }
  const Subscriptions unused(store());
}

// Appenders at full speed while subscriptions of all kinds catch up, go live and fall behind.
void expect_exact_hand_over(EventStore& store, EventStore& reader, std::size_t tail_bytes_max) {
  const auto appends = test::scaled(400);
  Subscriptions subscriptions(reader, {.tail_bytes_max = tail_bytes_max});
  const std::vector<SubscriptionFilter> wanted = {{},
                                                  {.selector = SelectCategory{"even"}},
                                                  {.selector = SelectStream{"odd-1"}},
                                                  {.stream_pattern = "^odd-[23]$"},
                                                  {.include_system = true}};
  constexpr std::size_t kAppenders = 3;
  std::atomic<std::size_t> appenders_left = kAppenders;
  std::vector<std::jthread> appenders;
  for (std::size_t number = 0; number < kAppenders; ++number) {
    appenders.emplace_back([&, number] {
      for (std::size_t index = 0; index < appends; ++index) {
        const auto stream = (index % 2 == 0 ? "even-" : "odd-") + std::to_string(number + 1);
        auto request = test::append_to(stream, ExpectedVersion::any(), 1 + index % 3);
        for (auto& event : request.events) event.data = kilobytes(index % 5);
        value_of(store.append(std::move(request)));
      }
      --appenders_left;
    });
  }
  std::vector<std::future<Delivered>> outcomes;
  for (std::size_t index = 0; index < wanted.size() * 2; ++index) {
    outcomes.push_back(std::async(std::launch::async, [&, index] {
      const auto subscription = value_of(subscriptions.open(
          {.filter = wanted[index / 2], .batch_events_max = index % 2 == 0 ? 1024U : 2U}));
      Delivered delivered;
      while (appenders_left > 0) take_up_to(*subscription, delivered, value_of(reader.head()));
      take_up_to(*subscription, delivered, value_of(store.head()));
      return delivered;
    }));
  }
  for (std::size_t index = 0; index < outcomes.size(); ++index) {
    const auto delivered = outcomes[index].get();
    EXPECT_TRUE(delivered.events == expected_events(store, wanted[index / 2], 0))
        << "subscription " << index << " with " << delivered.events.size() << " events";
  }
}

TEST_P(HandOver, SkipsAndDoublesNothingWhileOthersAppend) {
  expect_exact_hand_over(store(), store(), std::size_t{16} << 20);
}

TEST_P(HandOver, SkipsAndDoublesNothingWithASmallWindow) {
  expect_exact_hand_over(store(), store(), 0);
}

class HandOverShared : public test::EngineTest {};

INSTANTIATE_TEST_SUITE_P(Engines, HandOverShared, testing::ValuesIn(test::shared_engines()),
                         test::engine_name);

TEST_P(HandOverShared, FollowsAStoreThatAnotherWrites) {
  store();
  const auto reader = value_of(open_reader());
  expect_exact_hand_over(store(), *reader, 0);
}

}  // namespace
}  // namespace eventstore
