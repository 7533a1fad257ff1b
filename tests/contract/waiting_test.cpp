#include <chrono>
#include <future>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

Deadline now_plus(std::chrono::steady_clock::duration time) {
  return std::chrono::steady_clock::now() + time;
}

std::stop_token stopped_token() {
  std::stop_source source;
  source.request_stop();
  return source.get_token();
}

class Deadlines : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Deadlines, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Deadlines, ThatHavePassedKeepAnAppendFromBeingWritten) {
  AppendRequest request = append_to("s");
  request.context.deadline = now_plus(-1ms);
  const auto error = error_of(store().append(request));
  EXPECT_EQ(error.code, ErrorCode::DeadlineExceeded);
  EXPECT_TRUE(error.is_retryable());
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});

  request.context.deadline = now_plus(1h);
  EXPECT_TRUE(store().append(request).has_value());
}

TEST_P(Deadlines, ThatHavePassedEndARead) {
  value_of(store().append(append_to("s")));
  EXPECT_EQ(code_of(try_read(store(), {.deadline = now_plus(-1ms)})), ErrorCode::DeadlineExceeded);
  EXPECT_EQ(value_of(try_read(store(), {.deadline = now_plus(1h)})).events.size(), 1u);
}

TEST_P(Deadlines, EndAWaitForMore) {
  value_of(store().append(append_to("s")));
  EXPECT_EQ(code_of(store().wait_past({1}, now_plus(20ms), {})), ErrorCode::DeadlineExceeded);
  EXPECT_EQ(code_of(store().wait_past({1}, now_plus(-1ms), {})), ErrorCode::DeadlineExceeded);
  EXPECT_EQ(code_of(store().wait_past({1}, Deadline::min(), {})), ErrorCode::DeadlineExceeded);
}

class Cancellation : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Cancellation, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Cancellation, KeepsAnAppendFromBeingWritten) {
  AppendRequest request = append_to("s");
  request.context.cancellation = stopped_token();
  const auto error = error_of(store().append(request));
  EXPECT_EQ(error.code, ErrorCode::Cancelled);
  EXPECT_FALSE(error.is_retryable());
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
}

TEST_P(Cancellation, EndsARead) {
  for (int index = 0; index < 100; ++index) value_of(store().append(append_to("s")));
  EXPECT_EQ(code_of(try_read(store(), {.cancellation = stopped_token()})), ErrorCode::Cancelled);
}

TEST_P(Cancellation, LeavesACursorFailed) {
  value_of(store().append(append_to("s")));
  std::stop_source source;
  const auto cursor = value_of(store().read({.cancellation = source.get_token()}));
  source.request_stop();
  EXPECT_EQ(code_of(cursor->next()), ErrorCode::Cancelled);
  EXPECT_EQ(code_of(cursor->next()), ErrorCode::Cancelled);
}

TEST_P(Cancellation, EndsAWaitForMore) {
  EXPECT_EQ(code_of(store().wait_past({0}, now_plus(1h), stopped_token())), ErrorCode::Cancelled);
  EventStore& opened = store();
  std::stop_source source;
  auto waiting = std::async(std::launch::async, [&] {
    return code_of(opened.wait_past({0}, now_plus(1h), source.get_token()));
  });
  EXPECT_EQ(waiting.wait_for(20ms), std::future_status::timeout);
  source.request_stop();
  EXPECT_EQ(waiting.get(), ErrorCode::Cancelled);
}

class WaitPast : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, WaitPast, testing::ValuesIn(all_engines()), engine_name);

TEST_P(WaitPast, ReturnsAtOnceWhereThereIsMore) {
  value_of(store().append(append_to("s", ExpectedVersion::any(), 3)));
  EXPECT_EQ(value_of(store().wait_past({0}, now_plus(1h), {})), GlobalPosition{3});
  EXPECT_EQ(value_of(store().wait_past({2}, now_plus(1h), {})), GlobalPosition{3});
}

TEST_P(WaitPast, WakesOnAnAppend) {
  EventStore& opened = store();
  for (std::uint64_t round = 0; round < 50; ++round) {
    auto waiting = std::async(
        std::launch::async, [&] { return value_of(opened.wait_past({round}, now_plus(30s), {})); });
    value_of(opened.append(append_to("s")));
    EXPECT_EQ(waiting.get(), GlobalPosition{round + 1});
  }
}

TEST_P(WaitPast, WakesAllWhoWait) {
  EventStore& opened = store();
  std::vector<std::future<GlobalPosition>> waiting;
  for (int index = 0; index < 8; ++index) {
    waiting.push_back(std::async(
        std::launch::async, [&] { return value_of(opened.wait_past({0}, now_plus(30s), {})); }));
  }
  value_of(opened.append(append_to("s")));
  for (auto& one : waiting) EXPECT_EQ(one.get(), GlobalPosition{1});
}

TEST_P(WaitPast, LetsAFollowerSeeEveryEventOnce) {
  EventStore& opened = store();
  constexpr std::uint64_t kEvents = 500;
  auto following = std::async(std::launch::async, [&] {
    std::vector<std::uint64_t> seen;
    GlobalPosition last{0};
    while (last.value < kEvents) {
      value_of(opened.wait_past(last, now_plus(30s), {}));
      for (const auto& event : read_events(opened, {.from = last.value + 1})) {
        seen.push_back(event.position.value);
        last = event.position;
      }
    }
    return seen;
  });
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < 4; ++writer) {
      writers.emplace_back([&] {
        for (std::uint64_t index = 0; index < kEvents / 4; ++index) {
          value_of(opened.append(append_to("s")));
        }
      });
    }
  }
  const auto seen = following.get();
  ASSERT_EQ(seen.size(), kEvents);
  for (std::size_t index = 0; index < seen.size(); ++index) EXPECT_EQ(seen[index], index + 1);
}

}  // namespace
}  // namespace eventstore::test
