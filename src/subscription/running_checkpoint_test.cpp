#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "subscription/running_test_support.hpp"
#include "support/forwarding_transaction.hpp"

// Where a running subscription goes on.
namespace eventstore {
namespace {

using test::append_one;
using test::code_of;
using test::error_with;
using test::NotingHandler;
using test::Positions;
using test::soon;
using test::value_of;

class RunningCheckpoint : public test::RunningTest {};
INSTANTIATE_TEST_SUITE_P(Engines, RunningCheckpoint, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(RunningCheckpoint, GoesOnFromItsCheckpoint) {
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
TEST_P(RunningCheckpoint, StoresAtOnceWhereItBegins) {
  append(3);
  {
    NotingHandler handler;
    const auto running = run(handler, with_checkpoint(), {.start = FromEnd{}});
  }
  EXPECT_EQ(stored(), 3U);
}

// Else what came before the first checkpoint would be left out the next time.
TEST_P(RunningCheckpoint, StoresThatItBeganAtTheEndOfAnEmptyStore) {
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

TEST_P(RunningCheckpoint, StoresItsCheckpointBehindWhatWasHandledAlone) {
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

TEST_P(RunningCheckpoint, StoresItsCheckpointAfterATime) {
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

TEST_P(RunningCheckpoint, StoresItsCheckpointWithinADeliveryByCount) {
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

TEST_P(RunningCheckpoint, StoresItsCheckpointWithinADeliveryByTime) {
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
TEST_P(RunningCheckpoint, DoesNotMoveItsCheckpointPastWhatItsHandlerCouldNotReach) {
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

TEST_P(RunningCheckpoint, EndsWhereAnotherMovesItsCheckpoint) {
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

TEST_P(RunningCheckpoint, RefusesACheckpointOfAnotherStore) {
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

TEST_P(RunningCheckpoint, FindsOutWhetherItsCheckpointWasStored) {
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
