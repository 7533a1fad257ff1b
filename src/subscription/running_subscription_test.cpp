#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "subscription/running_test_support.hpp"
#include "subscription/store_double_test_support.hpp"

// Subscriptions with a thread of their own.
namespace eventstore {
namespace {

using test::code_of;
using test::error_with;
using test::NotingHandler;
using test::Positions;
using test::soon;
using test::value_of;

class Running : public test::RunningTest {};
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

}  // namespace
}  // namespace eventstore
