#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/open.hpp"
#include "subscription/store_double_test_support.hpp"
#include "subscription/subscription_test_support.hpp"

// What subscriptions do while their store fails.
namespace eventstore {
namespace {

using test::code_of;
using test::Delivered;
using test::StoreDouble;
using test::value_of;

// Takes deliveries until `is_done`, whatever fails meanwhile; returns the number of failures.
template <typename IsDone>
int take_until(Subscription& subscription, Delivered& delivered, IsDone is_done) {
  int failures = 0;
  while (!is_done()) {
    const auto next = subscription.next(test::soon());
    if (!next) {
      EXPECT_EQ(next.error().code, ErrorCode::Unavailable) << next.error().message;
      ++failures;
      continue;
    }
    for (const auto& event : next->events) delivered.events.emplace_back(event);
  }
  return failures;
}

bool delivers(Subscription& subscription) {
  return subscription.next(test::soon()).has_value();
}

// Of all calls to the store the n-th one fails; every n is tried.
TEST(SubscriptionFailures, LoseNothingWhicheverCallFails) {
  const auto store = value_of(open("memory:"));
  for (const auto& filter : {SubscriptionFilter{}, {.selector = SelectStream{"s"}}}) {
    value_of(store->append(test::append_to("s", ExpectedVersion::any(), 300)));
    for (int fail_call = 1;; ++fail_call) {
      std::atomic<int> calls = 0;
      StoreDouble failing(*store);
      failing.answer = [&](std::string_view call) -> std::optional<Error> {
        if (++calls != fail_call) return std::nullopt;
        return Error{.code = ErrorCode::Unavailable, .message = std::string(call) + " failed"};
      };
      Subscriptions subscriptions(failing);
      auto opened = subscriptions.open({.filter = filter, .start = AfterPosition{{100}}});
      if (!opened) opened = subscriptions.open({.filter = filter, .start = AfterPosition{{100}}});
      const auto subscription = value_of(std::move(opened));
      Delivered delivered;
      take_until(*subscription, delivered, [&] { return subscription->is_live(); });
      value_of(store->append(test::append_to("s", ExpectedVersion::any(), 3)));
      const auto head = value_of(store->head());
      take_until(*subscription, delivered, [&] { return subscription->position() >= head; });
      const auto all = test::read_everything(*store);
      EXPECT_TRUE(std::equal(all.begin() + 100, all.end(), delivered.events.begin(),
                             delivered.events.end()))
          << "call " << fail_call;
      if (calls < fail_call) break;
    }
  }
}

// What is appended between the last look at what is stored and the first at the tail comes before
// the signal.
TEST(SubscriptionFailures, AreNoneWhereAnEventComesAtTheHandOver) {
  const auto store = value_of(open("memory:"));
  test::append_one(*store, "s");
  StoreDouble interrupted(*store);
  interrupted.answer = [&](std::string_view call) -> std::optional<Error> {
    if (call == "head") test::append_one(*store, "s");
    return std::nullopt;
  };
  Subscriptions subscriptions(interrupted);
  const auto subscription = value_of(subscriptions.open({}));
  EXPECT_EQ(test::catch_up(*subscription).positions, std::vector<std::uint64_t>({1, 2}));
}

TEST(SubscriptionFailures, AreToldToAllWhoWait) {
  const auto store = value_of(open("memory:"));
  std::atomic<bool> fails = false;
  StoreDouble failing(*store);
  failing.answer = [&](std::string_view call) -> std::optional<Error> {
    if (!fails || call == "head") return std::nullopt;
    return Error{.code = ErrorCode::Corruption, .message = "damaged"};
  };
  Subscriptions subscriptions(failing);
  const auto one = value_of(subscriptions.open({}));
  const auto other = value_of(subscriptions.open({.filter = {.types = {"Rare"}}}));
  test::catch_up(*one);
  test::catch_up(*other);
  fails = true;
  test::append_one(*store, "s");
  // What was under way when it began to fail may still have been read.
  while (delivers(*one)) test::append_one(*store, "s");
  EXPECT_EQ(code_of(one->next(test::soon())), ErrorCode::Corruption);
  while (delivers(*other)) test::append_one(*store, "s");
  EXPECT_TRUE(one->is_live());
  fails = false;
  test::append_one(*store, "s", "Rare");
  for (;;) {
    const auto next = other->next(test::soon());
    if (next && !next->events.empty()) break;
  }
}

}  // namespace
}  // namespace eventstore
