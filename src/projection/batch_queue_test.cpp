#include "projection/batch_queue.hpp"

#include <chrono>
#include <memory>
#include <stop_token>
#include <thread>

#include <gtest/gtest.h>

namespace eventstore::projection {
namespace {

RoutedBatchPtr batch_up_to(std::uint64_t position) {
  return std::make_shared<RoutedBatch>(RoutedBatch{.up_to = GlobalPosition{position}});
}

TEST(BatchQueue, GivesBatchesInOrderAndThenThatThereAreNoMore) {
  BatchQueue queue;
  EXPECT_TRUE(queue.push(batch_up_to(1), {}));
  EXPECT_TRUE(queue.push(batch_up_to(2), {}));
  queue.close();
  EXPECT_EQ(queue.pop({})->up_to, GlobalPosition{1});
  EXPECT_EQ(queue.pop({})->up_to, GlobalPosition{2});
  EXPECT_EQ(queue.pop({}), nullptr);
}

TEST(BatchQueue, HoldsTheReaderBackUntilItIsStopped) {
  BatchQueue queue;
  for (std::size_t count = 0; count < BatchQueue::kBatchesMax; ++count) {
    EXPECT_TRUE(queue.push(batch_up_to(count + 1), {}));
  }
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(queue.push(batch_up_to(9), stop.get_token()));
}

TEST(BatchQueue, WaitsForABatchNoLongerThanItIsToldTo) {
  BatchQueue queue;
  EXPECT_FALSE(queue.wait_for_some({}, Deadline::min()));
  EXPECT_FALSE(
      queue.wait_for_some({}, std::chrono::steady_clock::now() + std::chrono::milliseconds(1)));
  std::stop_source stop;
  stop.request_stop();
  const auto never = std::chrono::steady_clock::now() + std::chrono::hours(1);
  EXPECT_FALSE(queue.wait_for_some(stop.get_token(), never));

  const std::jthread reader([&] { queue.push(batch_up_to(1), {}); });
  EXPECT_TRUE(queue.wait_for_some({}, never));
  EXPECT_TRUE(queue.wait_for_some({}, Deadline::min()));
}

TEST(BatchQueue, WaitsForNoneOnceThereAreNoMore) {
  BatchQueue queue;
  const std::jthread reader([&] { queue.close(); });
  EXPECT_FALSE(queue.wait_for_some({}, std::chrono::steady_clock::now() + std::chrono::hours(1)));
}

}  // namespace
}  // namespace eventstore::projection
