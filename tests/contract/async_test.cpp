#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

using std::chrono_literals::operator""s;

// Collects the outcomes of appends, in the order in which their callbacks run. Safe from any
// thread.
class Outcomes {
 public:
  AppendCallback callback() {
    return [this](Result<AppendResult> result) {
      const std::scoped_lock lock(mutex_);
      results_.push_back(std::move(result));
      threads_.insert(std::this_thread::get_id());
      changed_.notify_all();
    };
  }

  // Waits until there are `count`, for half a minute at most.
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [&] { return results_.size() >= count; });
  }

  std::vector<Result<AppendResult>> results() const {
    const std::scoped_lock lock(mutex_);
    return results_;
  }
  std::set<std::thread::id> threads() const {
    const std::scoped_lock lock(mutex_);
    return threads_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Result<AppendResult>> results_;
  std::set<std::thread::id> threads_;
};

class AsyncAppend : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, AsyncAppend, testing::ValuesIn(all_engines()), engine_name);

TEST_P(AsyncAppend, RunsEachCallbackOnceInTheOrderOfTheAppends) {
  Outcomes outcomes;
  for (int index = 0; index < 1000; ++index) {
    store().append_async(append_to("s"), outcomes.callback());
  }
  ASSERT_TRUE(outcomes.wait_for(1000));
  close();  // any callback that would run twice has run by then
  const auto results = outcomes.results();
  ASSERT_EQ(results.size(), 1000u);
  for (std::size_t index = 0; index < results.size(); ++index) {
    EXPECT_EQ(value_of(results[index]).first_position.value, index + 1);
  }
}

TEST_P(AsyncAppend, RunsCallbacksOnOneThreadThatIsNotTheCallers) {
  Outcomes outcomes;
  for (int index = 0; index < 100; ++index) {
    store().append_async(append_to("s"), outcomes.callback());
    store().append_async({}, outcomes.callback());
  }
  ASSERT_TRUE(outcomes.wait_for(200));
  EXPECT_EQ(outcomes.threads().size(), 1u);
  EXPECT_FALSE(outcomes.threads().contains(std::this_thread::get_id()));
}

TEST_P(AsyncAppend, IsVisibleInItsCallback) {
  std::promise<bool> seen;
  EventStore& opened = store();
  opened.append_async(append_to("s", ExpectedVersion::any(), 3), [&](Result<AppendResult> result) {
    const auto events = try_read(opened, {});
    seen.set_value(result && events && events->events.size() == 3);
  });
  EXPECT_TRUE(seen.get_future().get());
}

TEST_P(AsyncAppend, MayBeMadeFromACallback) {
  EventStore& opened = store();
  std::promise<void> done;
  std::function<void(Result<AppendResult>)> go_on = [&](Result<AppendResult> result) {
    if (!result || result->last_position.value >= 100) return done.set_value();
    opened.append_async(append_to("s"), go_on);
  };
  opened.append_async(append_to("s"), go_on);
  done.get_future().get();
  EXPECT_EQ(read_stream(opened, "s").size(), 100u);
}

TEST_P(AsyncAppend, TellsRefusalsInTheCallback) {
  value_of(store().append(append_to("s")));
  Outcomes outcomes;
  store().append_async(append_to("s", ExpectedVersion::no_stream()), outcomes.callback());
  store().append_async({}, outcomes.callback());
  store().append_async({.events = {event_of("$s")}}, outcomes.callback());
  ASSERT_TRUE(outcomes.wait_for(3));
  std::multiset<ErrorCode> codes;
  for (const auto& result : outcomes.results()) codes.insert(code_of(result));
  EXPECT_EQ(codes, (std::multiset<ErrorCode>{ErrorCode::InvalidArgument, ErrorCode::InvalidArgument,
                                             ErrorCode::WrongExpectedVersion}));
}

TEST_P(AsyncAppend, FailsAloneAmongItsNeighbours) {
  Outcomes outcomes;
  for (std::uint64_t version = 0; version < 200; ++version) {
    store().append_async(append_to("s", ExpectedVersion::exactly({version})), outcomes.callback());
    if (version % 2 == 0) continue;
    store().append_async(append_to("s", ExpectedVersion::exactly({9999})), outcomes.callback());
  }
  ASSERT_TRUE(outcomes.wait_for(300));
  std::size_t succeeded = 0;
  for (const auto& result : outcomes.results()) succeeded += result ? 1U : 0U;
  EXPECT_EQ(succeeded, 200u);
  EXPECT_EQ(read_stream(store(), "s").size(), 200u);
}

TEST_P(AsyncAppend, BeyondTheBoundOfTheQueueAnswersOverloaded) {
  reopen({.queue_requests_max = 1});
  Outcomes outcomes;
  for (int index = 0; index < 2000; ++index) {
    store().append_async(append_to("s"), outcomes.callback());
  }
  ASSERT_TRUE(outcomes.wait_for(2000));
  std::size_t succeeded = 0;
  for (const auto& result : outcomes.results()) {
    if (result) {
      ++succeeded;
    } else {
      EXPECT_EQ(result.error().code, ErrorCode::Overloaded) << result.error().message;
      EXPECT_TRUE(result.error().is_retryable());
    }
  }
  EXPECT_EQ(read_stream(store(), "s").size(), succeeded);
}

TEST_P(AsyncAppend, IsAnsweredOnceWhereTheStoreIsClosed) {
  for (int round = 0; round < 10; ++round) {
    Outcomes outcomes;
    EventStore& opened = reopen();
    const auto before = value_of(opened.head()).value;
    for (int index = 0; index < 500; ++index)
      opened.append_async(append_to("s"), outcomes.callback());
    close();
    ASSERT_EQ(outcomes.results().size(), 500u);
    std::size_t succeeded = 0;
    for (const auto& result : outcomes.results()) {
      if (result) {
        ++succeeded;
      } else {
        EXPECT_EQ(result.error().code, ErrorCode::Closed) << result.error().message;
      }
    }
    if (GetParam().persists) {
      EXPECT_EQ(value_of(store().head()).value, before + succeeded);
    }
  }
}

TEST_P(AsyncAppend, FromACallbackEndsWhereTheStoreIsClosed) {
  std::optional<ErrorCode> last;
  std::promise<void> under_way;
  EventStore& opened = store();
  std::atomic<int> count = 0;
  std::function<void(Result<AppendResult>)> go_on = [&](Result<AppendResult> result) {
    if (!result) {
      last = result.error().code;
      return;
    }
    if (++count == 10) under_way.set_value();
    opened.append_async(append_to("s"), go_on);
  };
  opened.append_async(append_to("s"), go_on);
  under_way.get_future().get();
  close();
  EXPECT_EQ(last, ErrorCode::Closed);
}

}  // namespace
}  // namespace eventstore::test
