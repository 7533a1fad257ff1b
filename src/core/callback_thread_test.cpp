#include "core/callback_thread.hpp"

#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace eventstore {
namespace {

TEST(CallbackThread, RunsEveryCallbackInTheirOrder) {
  std::vector<std::uint64_t> answers;
  std::vector<std::thread::id> threads;
  CallbackThread callbacks;
  for (std::uint64_t i = 0; i < 100; ++i) {
    callbacks.answer(
        [&](const Result<AppendResult>& result) {
          answers.push_back(result->last_position.value);
          threads.push_back(std::this_thread::get_id());
        },
        AppendResult{.last_position = {i}});
  }
  callbacks.close();
  ASSERT_EQ(answers.size(), 100);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(answers[i], i);
  for (const auto thread : threads) {
    EXPECT_EQ(thread, threads.front());
    EXPECT_NE(thread, std::this_thread::get_id());
  }
}

TEST(CallbackThread, TakesAnswersFromACallback) {
  bool was_answered = false;
  CallbackThread callbacks;
  callbacks.answer(
      [&](const Result<AppendResult>&) {
        callbacks.answer([&](const Result<AppendResult>&) { was_answered = true; }, AppendResult{});
      },
      AppendResult{});
  callbacks.close();
  EXPECT_TRUE(was_answered);
}

TEST(CallbackThread, ClosesTwice) {
  CallbackThread callbacks;
  callbacks.close();
  callbacks.close();
}

}  // namespace
}  // namespace eventstore
