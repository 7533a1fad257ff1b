#include "eventstore/subscription.hpp"

#include <future>
#include <string>
#include <thread>
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
using test::soon;
using test::take;
using test::take_up_to;
using test::value_of;
using Positions = std::vector<std::uint64_t>;

class CatchUp : public test::EngineTest {
 protected:
  Subscriptions& subscriptions() {
    if (subscriptions_ == nullptr) subscriptions_ = std::make_unique<Subscriptions>(store());
    return *subscriptions_;
  }
  std::unique_ptr<Subscription> open(SubscriptionRequest request = {}) {
    return value_of(subscriptions().open(std::move(request)));
  }
  ~CatchUp() override { subscriptions_.reset(); }

 private:
  std::unique_ptr<Subscriptions> subscriptions_;
};

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

}  // namespace
}  // namespace eventstore
