#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/checkpoint.hpp"
#include "eventstore/subscription.hpp"
#include "subscription/store_double_test_support.hpp"
#include "subscription/subscription_test_support.hpp"
#include "support/forwarding_transaction.hpp"

// Subscriptions with a thread of their own, and their checkpoints.
namespace eventstore {
namespace {

using test::append_one;
using test::code_of;
using test::soon;
using test::value_of;
using Positions = std::vector<std::uint64_t>;

// Notes what it is given, and lets a test wait for it.
class NotingHandler final : public SubscriptionHandler {
 public:
  // Called for each event before it is noted.
  std::function<Result<void>(const EventView&)> on_event = [](const EventView&) {
    return Result<void>();
  };

  Result<void> handle(const EventView& event) override {
    if (auto done = on_event(event); !done) return done;
    const std::lock_guard lock(mutex_);
    positions_.push_back(event.position.value);
    return {};
  }
  Result<void> reached(GlobalPosition position) override {
    const std::lock_guard lock(mutex_);
    reached_ = position;
    changed_.notify_all();
    return {};
  }
  void caught_up() override {
    const std::lock_guard lock(mutex_);
    has_caught_up_ = true;
    changed_.notify_all();
  }

  void wait_until_caught_up() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, soon(), [&] { return has_caught_up_; })) {
      throw std::runtime_error("it has not caught up in time");
    }
  }
  void wait_for(GlobalPosition position) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, soon(), [&] { return reached_ >= position; })) {
      throw std::runtime_error("the position was not reached in time");
    }
  }
  Positions positions() {
    const std::lock_guard lock(mutex_);
    return positions_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  GlobalPosition reached_;
  bool has_caught_up_ = false;
  Positions positions_;
};

Error error_with(ErrorCode code) {
  return {.code = code, .message = "planted"};
}

class Running : public test::SubscriptionTest {
 protected:
  StateDatabase& state() {
    if (state_ == nullptr) {
      store();
      state_ = value_of(open_state(url()));
    }
    return *state_;
  }
  RunOptions with_checkpoint() {
    return {.checkpoint = DurableCheckpoint{.state = &state(), .name = "reader"}};
  }
  std::unique_ptr<RunningSubscription> run(NotingHandler& handler, RunOptions options = {},
                                           SubscriptionRequest request = {}) {
    return value_of(subscriptions().run(std::move(request), handler, std::move(options)));
  }
  std::uint64_t stored() {
    const auto transaction = value_of(state().begin_read(soon()));
    const auto checkpoint = value_of(load_checkpoint(*transaction, "reader"));
    return checkpoint ? checkpoint->position.value : 0;
  }
  void move(std::uint64_t from, std::uint64_t to) {
    const auto transaction = value_of(state().begin(soon()));
    EXPECT_EQ(value_of(store_checkpoint(*transaction, "reader", {from}, {to})),
              CheckpointOutcome::Stored);
    value_of(transaction->commit());
  }
  void append(int count) {
    for (; count > 0; --count) append_one(store(), "s");
  }

 private:
  std::unique_ptr<StateDatabase> state_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Running, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(Running, HandsEventsToItsHandlerUntilItIsStopped) {
  append(3);
  NotingHandler handler;
  const auto running = run(handler);
  handler.wait_until_caught_up();
  EXPECT_TRUE(running->is_live());
  append(2);
  handler.wait_for({5});
  value_of(running->stop(soon()));
  EXPECT_EQ(handler.positions(), Positions({1, 2, 3, 4, 5}));
  EXPECT_EQ(running->position(), GlobalPosition{5});
  EXPECT_FALSE(running->failure());
  EXPECT_FALSE(running->is_live());
  value_of(running->stop(soon()));
}

TEST_P(Running, GoesOnFromItsCheckpoint) {
  append(3);
  {
    NotingHandler handler;
    const auto running = run(handler, with_checkpoint());
    handler.wait_for({3});
    value_of(running->stop(soon()));
    EXPECT_EQ(stored(), 3U);
  }
  append(2);
  NotingHandler handler;
  {
    const auto running = run(handler, with_checkpoint(), {.start = FromEnd{}});
    handler.wait_for({5});
  }
  EXPECT_EQ(handler.positions(), Positions({4, 5}));
  EXPECT_EQ(stored(), 5U);
}

// Whoever begins at the end begins there for good, though nothing has come so far.
TEST_P(Running, StoresAtOnceWhereItBegins) {
  append(3);
  {
    NotingHandler handler;
    const auto running = run(handler, with_checkpoint(), {.start = FromEnd{}});
  }
  EXPECT_EQ(stored(), 3U);
}

// Else what came before the first checkpoint would be left out the next time.
TEST_P(Running, StoresThatItBeganAtTheEndOfAnEmptyStore) {
  {
    NotingHandler handler;
    const auto running = run(handler, with_checkpoint(), {.start = FromEnd{}});
  }
  EXPECT_TRUE(value_of(load_checkpoint(*value_of(state().begin_read(soon())), "reader")));
  append(2);
  NotingHandler handler;
  const auto running = run(handler, with_checkpoint(), {.start = FromEnd{}});
  handler.wait_for({2});
  EXPECT_EQ(handler.positions(), Positions({1, 2}));
}

TEST_P(Running, StoresItsCheckpointBehindWhatWasHandledAlone) {
  auto options = with_checkpoint();
  options.checkpoint->every_events = 1;
  std::atomic<std::uint64_t> ahead = 0;
  NotingHandler handler;
  handler.on_event = [&](const EventView& event) -> Result<void> {
    if (stored() >= event.position.value) ++ahead;
    return {};
  };
  const auto running = run(handler, options, {.batch_events_max = 2});
  append(20);
  handler.wait_for({20});
  append(1);
  handler.wait_for({21});
  EXPECT_GE(stored(), 20U);
  value_of(running->stop(soon()));
  EXPECT_EQ(ahead, 0U);
  EXPECT_EQ(stored(), 21U);
}

TEST_P(Running, StoresItsCheckpointAfterATime) {
  auto options = with_checkpoint();
  options.checkpoint->every = std::chrono::milliseconds(1);
  NotingHandler handler;
  const auto running = run(handler, options);
  append(2);
  handler.wait_for({2});
  while (stored() < 2) {
    EXPECT_EQ(code_of(running->wait(test::in(std::chrono::milliseconds(1)))),
              ErrorCode::DeadlineExceeded);
  }
}

TEST_P(Running, StoresItsCheckpointWithinADeliveryByCount) {
  append(12);
  auto options = with_checkpoint();
  options.checkpoint->every = std::chrono::hours(1);
  options.checkpoint->every_events = 5;
  Positions at_begin_of;  // what was stored when an event came
  NotingHandler handler;
  handler.on_event = [&](const EventView&) -> Result<void> {
    at_begin_of.push_back(stored());
    return {};
  };
  const auto running = run(handler, options);
  handler.wait_for({12});
  value_of(running->stop(soon()));
  EXPECT_EQ(at_begin_of, Positions({0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10}));
  EXPECT_EQ(stored(), 12U);
}

TEST_P(Running, StoresItsCheckpointWithinADeliveryByTime) {
  append(3);
  auto options = with_checkpoint();
  options.checkpoint->every = std::chrono::milliseconds(1);
  Positions at_begin_of;
  NotingHandler handler;
  handler.on_event = [&](const EventView&) -> Result<void> {
    at_begin_of.push_back(stored());
    for (const auto end = test::in(std::chrono::milliseconds(2));
         std::chrono::steady_clock::now() < end;) {
      std::this_thread::yield();  // it is busy for longer than that
    }
    return {};
  };
  const auto running = run(handler, options);
  handler.wait_for({3});
  value_of(running->stop(soon()));
  // The time begins with what was handled first.
  EXPECT_EQ(at_begin_of, Positions({0, 0, 2}));
}

// A handler that gathers, and writes when it is told how far that has to reach.
TEST_P(Running, DoesNotMoveItsCheckpointPastWhatItsHandlerCouldNotReach) {
  class Gathering final : public SubscriptionHandler {
   public:
    Result<void> handle(const EventView& event) override {
      if (event.position == GlobalPosition{9}) return std::unexpected(error_with(ErrorCode::Io));
      return {};
    }
    Result<void> reached(GlobalPosition position) override {
      asked.push_back(position.value);
      if (position > GlobalPosition{4}) return std::unexpected(error_with(ErrorCode::Unavailable));
      return {};
    }
    Positions asked;
  } handler;
  append(10);
  auto options = with_checkpoint();
  options.checkpoint->every = std::chrono::hours(1);
  options.checkpoint->every_events = 4;
  {
    const auto running = value_of(subscriptions().run({}, handler, options));
    EXPECT_EQ(code_of(running->wait(soon())), ErrorCode::Unavailable);
  }
  EXPECT_EQ(handler.asked, Positions({4, 8}));
  EXPECT_EQ(stored(), 4U);
  options.checkpoint->every_events = 100;
  handler.asked.clear();
  {
    const auto running = value_of(subscriptions().run({}, handler, options));
    EXPECT_EQ(code_of(running->wait(soon())), ErrorCode::Io);
  }
  EXPECT_EQ(handler.asked, Positions({8}));
  EXPECT_EQ(stored(), 4U);
}

TEST_P(Running, EndsWithTheFailureOfItsHandler) {
  append(5);
  NotingHandler handler;
  std::atomic<bool> fails = true;
  handler.on_event = [&](const EventView& event) -> Result<void> {
    if (!fails || event.position != GlobalPosition{4}) return {};
    return std::unexpected(error_with(ErrorCode::Unavailable));
  };
  {
    const auto running = run(handler, with_checkpoint(), {.batch_events_max = 2});
    EXPECT_EQ(code_of(running->wait(soon())), ErrorCode::Unavailable);
    EXPECT_EQ(running->failure()->message, "planted");
    EXPECT_EQ(running->position(), GlobalPosition{3});
    EXPECT_EQ(code_of(running->stop(soon())), ErrorCode::Unavailable);
  }
  EXPECT_EQ(stored(), 3U);
  fails = false;
  const auto running = run(handler, with_checkpoint());
  handler.wait_for({5});
  EXPECT_EQ(handler.positions(), Positions({1, 2, 3, 4, 5}));
}

TEST_P(Running, EndsWithWhatItsHandlerThrows) {
  append(1);
  NotingHandler handler;
  handler.on_event = [](const EventView&) -> Result<void> { throw std::runtime_error("no luck"); };
  auto running = run(handler);
  const auto error = test::error_of(running->wait(soon()));
  EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
  EXPECT_NE(error.message.find("no luck"), std::string::npos) << error.message;
  handler.on_event = [](const EventView&) -> Result<void> { throw 7; };
  running = run(handler);
  EXPECT_EQ(code_of(running->wait(soon())), ErrorCode::InvalidArgument);
}

TEST_P(Running, StopsInTimeThoughItsHandlerHangs) {
  append(3);
  NotingHandler handler;
  std::promise<void> hangs;
  std::promise<void> release;
  handler.on_event = [&](const EventView& event) -> Result<void> {
    if (event.position == GlobalPosition{2}) {
      hangs.set_value();
      release.get_future().get();
    }
    return {};
  };
  const auto running = run(handler, with_checkpoint());
  hangs.get_future().get();
  EXPECT_EQ(code_of(running->stop(test::in(std::chrono::milliseconds(20)))),
            ErrorCode::DeadlineExceeded);
  release.set_value();
  value_of(running->stop(soon()));
  // The event under way was the last, and is accounted for.
  EXPECT_EQ(handler.positions(), Positions({1, 2}));
  EXPECT_EQ(stored(), 2U);
}

TEST_P(Running, EndsWhereAnotherMovesItsCheckpoint) {
  NotingHandler handler;
  auto options = with_checkpoint();
  options.checkpoint->every_events = 1;
  const auto running = run(handler, options);
  append(5);
  handler.wait_for({5});
  while (stored() < 5) {
    EXPECT_EQ(code_of(running->wait(test::in(std::chrono::milliseconds(1)))),
              ErrorCode::DeadlineExceeded);
  }
  move(5, 7);
  append(1);
  const auto error = test::error_of(running->wait(soon()));
  EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
  EXPECT_NE(error.message.find("reader"), std::string::npos) << error.message;
  EXPECT_EQ(stored(), 7U);
}

TEST_P(Running, RefusesACheckpointOfAnotherStore) {
  append(2);
  move(0, 3);
  NotingHandler handler;
  EXPECT_EQ(code_of(subscriptions().run({}, handler, with_checkpoint())),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(subscriptions().run({}, handler, {.checkpoint = DurableCheckpoint{}})),
            ErrorCode::InvalidArgument);
  auto options = with_checkpoint();
  options.checkpoint->name = "";
  EXPECT_EQ(code_of(subscriptions().run({}, handler, options)), ErrorCode::InvalidArgument);
}

TEST_P(Running, TriesAgainWhereTheStoreFailsForAWhile) {
  test::StoreDouble failing(store());
  std::atomic<ErrorCode> code = ErrorCode::Unavailable;
  std::atomic<bool> fails = false;
  failing.answer = [&](std::string_view) -> std::optional<Error> {
    return fails ? std::optional(error_with(code)) : std::nullopt;
  };
  Subscriptions over_failing(failing);
  append(2);
  NotingHandler handler;
  int retries = 0;
  const auto running = value_of(over_failing.run({}, handler,
                                                 {.pause_min = std::chrono::milliseconds(1),
                                                  .pause_max = std::chrono::milliseconds(2),
                                                  .on_retry = [&](const Error&) {
                                                    if (++retries == 3) fails = false;
                                                  }}));
  handler.wait_until_caught_up();
  fails = true;
  append(1);
  handler.wait_for({3});
  EXPECT_EQ(handler.positions(), Positions({1, 2, 3}));
  code = ErrorCode::Corruption;
  fails = true;
  append(1);
  EXPECT_EQ(code_of(running->wait(soon())), ErrorCode::Corruption);
  EXPECT_GE(retries, 3);
}

// A state database in front of another, whose commits succeed and say that they do not know.
class UncertainState final : public StateDatabase {
 public:
  explicit UncertainState(StateDatabase& state) : state_(state) {}
  Result<std::unique_ptr<StateTransaction>> begin(Deadline deadline) override {
    auto transaction = state_.begin(deadline);
    if (!transaction) return transaction;
    return std::make_unique<Transaction>(*std::move(transaction));
  }
  Result<std::unique_ptr<StateTransaction>> begin_read(Deadline deadline) override {
    return state_.begin_read(deadline);
  }

 private:
  class Transaction final : public test::ForwardingTransaction {
   public:
    using ForwardingTransaction::ForwardingTransaction;
    Result<void> commit() override {
      if (auto committed = ForwardingTransaction::commit(); !committed) return committed;
      return std::unexpected(error_with(ErrorCode::OutcomeUnknown));
    }
  };

  StateDatabase& state_;
};

TEST_P(Running, FindsOutWhetherItsCheckpointWasStored) {
  UncertainState uncertain(state());
  auto options = with_checkpoint();
  options.checkpoint->state = &uncertain;
  options.checkpoint->every_events = 1;
  options.pause_max = std::chrono::milliseconds(1);
  NotingHandler handler;
  const auto running = run(handler, options);
  append(5);
  handler.wait_for({5});
  append(1);
  handler.wait_for({6});
  EXPECT_GE(stored(), 5U);
  EXPECT_FALSE(running->failure());
}

}  // namespace
}  // namespace eventstore
