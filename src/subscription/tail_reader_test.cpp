#include "subscription/tail_reader.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/posix_environment.hpp"
#include "eventstore/open.hpp"
#include "subscription/store_double_test_support.hpp"
#include "subscription/subscription_test_support.hpp"
#include "support/test_scale.hpp"

namespace eventstore::subscription {
namespace {

using test::code_of;
using test::soon;
using test::StoreDouble;
using test::value_of;
using Positions = std::vector<std::uint64_t>;

constexpr std::size_t kWindowBytes = std::size_t{64} << 10;

class TailReader : public testing::Test {
 protected:
  void append(std::size_t count, std::size_t data_bytes = 2) {
    for (; count > 0; --count) {
      auto event = test::event_of("s");
      event.data = "\"" + std::string(data_bytes, 'x') + "\"";
      value_of(store_.append(AppendRequest{.events = {std::move(event)}}));
    }
  }
  // The positions of all batches from `position` up to `end`.
  Positions take_all(GlobalPosition position, GlobalPosition end) {
    Positions positions;
    while (position < end) {
      const auto batch = value_of(tail_.take(position, told_, soon(), {}));
      if (batch == nullptr) throw std::runtime_error("fell behind");
      for (const auto& event : batch->events.events()) {
        if (event.position > position) positions.push_back(event.position.value);
      }
      position = batch->up_to;
    }
    return positions;
  }

  std::unique_ptr<EventStore> store_behind_ = value_of(open("memory:"));
  StoreDouble store_{*store_behind_};
  // What the store's answers go by: the tail may ask it until it is gone, after the test's body.
  std::atomic<bool> fails_ = true;
  std::atomic<int> parts_ = 0;
  std::promise<void> reads_;
  std::promise<void> release_;
  subscription::TailReader::FailureCount told_ = 0;
  subscription::TailReader tail_{store_, posix_environment(), kWindowBytes};
};

TEST_F(TailReader, ReadsNothingWhileNobodyFollows) {
  append(3);
  EXPECT_EQ(store_.reads, 0U);
  ASSERT_TRUE(tail_.join({3}));
  append(1);
  EXPECT_EQ(take_all({3}, {4}), Positions({4}));
  EXPECT_GT(tail_.bytes(), 0U);
  tail_.leave();
  EXPECT_EQ(tail_.bytes(), 0U);
}

TEST_F(TailReader, BeginsAnewWhereTheNextOneIs) {
  ASSERT_TRUE(tail_.join({0}));
  append(10);
  take_all({0}, {10});
  tail_.leave();
  // Also before what was read for the one who has left.
  ASSERT_TRUE(tail_.join({4}));
  EXPECT_EQ(take_all({4}, {10}), Positions({5, 6, 7, 8, 9, 10}));
  tail_.leave();
  append(2);
  ASSERT_TRUE(tail_.join({11}));
  EXPECT_EQ(take_all({11}, {12}), Positions({12}));
}

TEST_F(TailReader, LetsNobodyJoinBeforeItsWindow) {
  append(5);
  ASSERT_TRUE(tail_.join({5}));
  EXPECT_FALSE(tail_.join({4}));
  EXPECT_TRUE(tail_.join({5}));
  append(5);
  EXPECT_EQ(take_all({5}, {10}), Positions({6, 7, 8, 9, 10}));
  EXPECT_TRUE(tail_.join({7}));
  EXPECT_EQ(take_all({7}, {10}), Positions({8, 9, 10}));
  EXPECT_TRUE(tail_.join({10}));
}

TEST_F(TailReader, KeepsNoMoreThanItsWindow) {
  ASSERT_TRUE(tail_.join({0}));
  ASSERT_TRUE(tail_.join({0}));
  for (std::uint64_t round = 1; round <= 20; ++round) {
    append(10, 3'000);
    take_all({(round - 1) * 10}, {round * 10});
    EXPECT_LE(tail_.bytes(), kWindowBytes);
  }
  // Who has taken nothing so far has fallen behind.
  EXPECT_EQ(value_of(tail_.take({0}, told_, soon(), {})), nullptr);
  // One event that is larger than the window is there all the same, alone.
  append(1, 2 * kWindowBytes);
  take_all({200}, {201});
  append(1);
  take_all({201}, {202});
  EXPECT_LE(tail_.bytes(), kWindowBytes);
}

TEST_F(TailReader, EndsAWaitAtItsDeadlineOrWhenItIsCancelled) {
  ASSERT_TRUE(tail_.join({0}));
  EXPECT_EQ(code_of(tail_.take({0}, told_, test::in(std::chrono::milliseconds(10)), {})),
            ErrorCode::DeadlineExceeded);
  std::stop_source stop;
  auto waiting = std::async(std::launch::async, [&] {
    return code_of(tail_.take({0}, told_, Deadline::max(), stop.get_token()));
  });
  stop.request_stop();
  EXPECT_EQ(waiting.get(), ErrorCode::Cancelled);
}

TEST_F(TailReader, TellsOfEachFailureOnceAndGoesOn) {
  store_.answer = [this](std::string_view call) -> std::optional<Error> {
    if (!fails_ || call != "wait_past") return std::nullopt;
    return Error{.code = ErrorCode::Unavailable, .message = "not now"};
  };
  ASSERT_TRUE(tail_.join({0}));
  append(1);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(code_of(tail_.take({0}, told_, soon(), {})), ErrorCode::Unavailable);
  }
  fails_ = false;
  // One more may have been under way.
  auto batch = tail_.take({0}, told_, soon(), {});
  if (!batch) batch = tail_.take({0}, told_, soon(), {});
  EXPECT_EQ(value_of(batch)->up_to, GlobalPosition{1});
}

TEST_F(TailReader, PublishesWhatCameBeforeAFailure) {
  append(300);
  store_.answer = [this](std::string_view call) -> std::optional<Error> {
    if (call != "next" || ++parts_ != 2) return std::nullopt;
    return Error{.code = ErrorCode::Io, .message = "the second part"};
  };
  ASSERT_TRUE(tail_.join({0}));
  Positions positions;
  GlobalPosition position{0};
  bool failed = false;
  while (position < GlobalPosition{300}) {
    const auto batch = tail_.take(position, told_, soon(), {});
    if (!batch) {
      failed = true;
      continue;
    }
    position = (*batch)->up_to;
    for (const auto& event : (*batch)->events.events()) {
      positions.push_back(event.position.value);
    }
  }
  EXPECT_EQ(positions.size(), 300U);
  EXPECT_EQ(positions, test::positions_of(test::read_everything(*store_behind_)));
  EXPECT_TRUE(failed || parts_ > 2);
}

// What is being read for those who have left is nothing to whoever comes next.
TEST_F(TailReader, ForgetsWhatItWasReadingForThoseWhoLeft) {
  append(3);
  store_.answer = [this](std::string_view call) -> std::optional<Error> {
    if (call == "next" && ++parts_ == 2) {  // the three events have been read, and are not shown
      reads_.set_value();
      release_.get_future().get();
    }
    return std::nullopt;
  };
  ASSERT_TRUE(tail_.join({0}));
  reads_.get_future().get();
  tail_.leave();
  append(7);
  ASSERT_TRUE(tail_.join({10}));
  release_.set_value();
  append(1);
  const auto batch = value_of(tail_.take({10}, told_, soon(), {}));
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->after, GlobalPosition{10});
  EXPECT_EQ(batch->events.events().front().position, GlobalPosition{11});
}

// However many follow, the store is read once for all.
TEST_F(TailReader, ReadsTheStoreOnceForAThousandSubscriptions) {
  Subscriptions subscriptions(store_);
  const auto count = test::scaled(1'000);
  std::vector<std::unique_ptr<Subscription>> live;
  for (std::size_t index = 0; index < count; ++index) {
    live.push_back(value_of(subscriptions.open(
        {.filter = {.selector = index % 2 == 0 ? Selector(SelectAll{}) : SelectCategory{"s"}}})));
    test::catch_up(*live.back());
  }
  const auto reads_before = store_.reads.load();
  constexpr std::uint64_t kEvents = 20;
  {
    std::atomic<std::size_t> done = 0;
    std::vector<std::jthread> threads;
    threads.reserve(count);
    for (const auto& subscription : live) {
      threads.emplace_back([&] {
        test::Delivered delivered;
        test::take_up_to(*subscription, delivered, {kEvents});
        if (delivered.positions.size() == kEvents) ++done;
      });
    }
    append(kEvents);
    threads.clear();
    EXPECT_EQ(done, count);
  }
  EXPECT_LE(store_.reads - reads_before, kEvents);
}

}  // namespace
}  // namespace eventstore::subscription
