#include "core/append_queue.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <semaphore>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/posix_environment.hpp"

namespace eventstore {
namespace {

class NumberedAppend {
 public:
  explicit NumberedAppend(std::uint64_t number, std::uint64_t size = 1, RequestContext context = {})
      : number_(number), size_(size), context_(std::move(context)) {}

  std::uint64_t number() const { return number_; }
  std::uint64_t size() const { return size_; }
  const RequestContext& context() const { return context_; }

 private:
  std::uint64_t number_;
  std::uint64_t size_;
  RequestContext context_;
};

using Queue = AppendQueue<NumberedAppend>;
using Group = std::vector<std::uint64_t>;  // the numbers of its members

// The real clock, its looks counted.
class CountingClock final : public Clock {
 public:
  Timestamp wall_now() override { return posix_environment().clock->wall_now(); }
  std::chrono::steady_clock::time_point monotonic_now() override {
    ++looks;
    return posix_environment().clock->monotonic_now();
  }
  std::atomic<int> looks = 0;
};

// Answers each append with its number as the position. The first commit waits until it is let go.
class Engine {
 public:
  explicit Engine(const AppendQueueOptions& options = {}, bool holds_first = false)
      : may_go_on_(holds_first ? 0 : 1),
        queue(
            clock, options, [this](std::span<Queue::Pending* const> group) { commit(group); },
            [this] { rested.release(); }) {}

  // Has the writer's thread commit append 0, until let_go().
  void begin_to_commit() {
    append_async(NumberedAppend(0));
    begun_.wait();
  }
  void append_async(NumberedAppend append) {
    queue.append_async(std::move(append), [this](Result<AppendResult> answer) {
      answers.push_back(std::move(answer));
    });
  }
  void let_go() { may_go_on_.release(); }

  // After what is queued is committed.
  const std::vector<Group>& groups() {
    queue.close();
    return groups_;
  }

 private:
  void commit(std::span<Queue::Pending* const> group) {
    if (groups_.empty()) {
      begun_.count_down();
      may_go_on_.acquire();
    }
    auto& members = groups_.emplace_back();
    for (auto* pending : group) {
      members.push_back(pending->append.number());
      pending->result = AppendResult{.last_position = {pending->append.number()}};
    }
    commit_threads.push_back(std::this_thread::get_id());
  }

  std::latch begun_{1};
  std::binary_semaphore may_go_on_;
  std::vector<Group> groups_;

 public:
  CountingClock clock;
  std::vector<std::thread::id> commit_threads;
  std::vector<Result<AppendResult>> answers;  // of the asynchronous ones, once closed
  std::counting_semaphore<> rested{0};
  Queue queue;
};

TEST(AppendQueue, CommitsInTheThreadOfWhoFindsNobodyCommitting) {
  Engine engine;
  EXPECT_EQ(engine.queue.append(NumberedAppend(7))->last_position.value, 7);
  EXPECT_EQ(engine.groups(), (std::vector<Group>{{7}}));
  EXPECT_EQ(engine.commit_threads.front(), std::this_thread::get_id());
}

TEST(AppendQueue, CommitsTogetherWhatCameMeanwhile) {
  Engine engine({}, true);
  engine.begin_to_commit();
  for (std::uint64_t i = 1; i <= 5; ++i) engine.append_async(NumberedAppend(i));
  engine.let_go();
  EXPECT_EQ(engine.groups(), (std::vector<Group>{{0}, {1, 2, 3, 4, 5}}));
  ASSERT_EQ(engine.answers.size(), 6);
  for (std::uint64_t i = 0; i <= 5; ++i) EXPECT_EQ(engine.answers[i]->last_position.value, i);
}

TEST(AppendQueue, BoundsTheAppendsOfAGroup) {
  Engine engine({.group_appends_max = 2}, true);
  engine.begin_to_commit();
  for (std::uint64_t i = 1; i <= 5; ++i) engine.append_async(NumberedAppend(i));
  engine.let_go();
  EXPECT_EQ(engine.groups(), (std::vector<Group>{{0}, {1, 2}, {3, 4}, {5}}));
}

TEST(AppendQueue, BoundsTheBytesOfAGroupThatHasMoreThanOneMember) {
  Engine engine({.group_bytes_max = 10}, true);
  engine.begin_to_commit();
  const std::vector<std::uint64_t> sizes{0, 5, 5, 1, 20, 3};
  for (std::uint64_t i = 1; i < sizes.size(); ++i) {
    engine.append_async(NumberedAppend(i, sizes[i]));
  }
  engine.let_go();
  EXPECT_EQ(engine.groups(), (std::vector<Group>{{0}, {1, 2}, {3}, {4}, {5}}));
}

TEST(AppendQueue, RefusesMoreAppendsThanMayWait) {
  Engine engine({.requests_max = 2}, true);
  engine.begin_to_commit();
  engine.append_async(NumberedAppend(1));
  engine.append_async(NumberedAppend(2));
  const auto chain = std::make_shared<AppendChain>();
  const auto refused = engine.queue.append(NumberedAppend(3, 1, {.chain = chain}));
  EXPECT_EQ(refused.error().code, ErrorCode::Overloaded);
  EXPECT_TRUE(chain->is_broken());
  engine.let_go();
  EXPECT_EQ(engine.groups(), (std::vector<Group>{{0}, {1, 2}}));
}

TEST(AppendQueue, RefusesMoreBytesThanMayWait) {
  Engine engine({.bytes_max = 10}, true);
  engine.begin_to_commit();
  engine.append_async(NumberedAppend(1, 20));  // alone it may
  EXPECT_EQ(engine.queue.append(NumberedAppend(2)).error().code, ErrorCode::Overloaded);
  engine.let_go();
  EXPECT_EQ(engine.groups(), (std::vector<Group>{{0}, {1}}));
}

// Appends so many, one after another, from `first` on. Returns how many got another's answer.
std::uint64_t mistaken_answers(Engine& engine, std::uint64_t first, std::uint64_t count) {
  std::uint64_t mistaken = 0;
  for (auto number = first; number < first + count; ++number) {
    const auto answer = engine.queue.append(NumberedAppend(number));
    if (!answer || answer->last_position.value != number) ++mistaken;
  }
  return mistaken;
}

std::uint64_t mistaken_answers_of_threads(Engine& engine, std::uint64_t thread_count,
                                          std::uint64_t count) {
  std::atomic<std::uint64_t> mistaken = 0;
  std::vector<std::jthread> threads;
  threads.reserve(thread_count);
  for (std::uint64_t i = 0; i < thread_count; ++i) {
    threads.emplace_back([&, i] { mistaken += mistaken_answers(engine, i * count, count); });
  }
  threads.clear();
  return mistaken;
}

// Whom a full group leaves behind waits for a later one.
TEST(AppendQueue, GivesEachThreadItsOwnAnswer) {
  for (const auto group_appends_max : std::vector<std::size_t>{1, 3, 100}) {
    Engine engine({.group_appends_max = group_appends_max});
    EXPECT_EQ(mistaken_answers_of_threads(engine, 8, 200), 0);
    std::size_t appends = 0;
    for (const auto& group : engine.groups()) {
      EXPECT_LE(group.size(), group_appends_max);
      appends += group.size();
    }
    EXPECT_EQ(appends, 8 * 200);
  }
}

TEST(AppendQueue, LooksAtNoClockWhereItDoesNotGather) {
  constexpr std::chrono::microseconds kNone{0};
  for (const auto gather_time : {kNone, std::chrono::microseconds{100}}) {
    Engine engine({.gather_time = gather_time}, true);
    engine.begin_to_commit();
    engine.let_go();
    EXPECT_EQ(engine.groups().size(), 1);
    EXPECT_EQ(engine.clock.looks == 0, gather_time == kNone);
  }
}

TEST(AppendQueue, RestsOnceItIsQuiet) {
  Engine engine({.idle_after = std::chrono::milliseconds{1}});
  ASSERT_TRUE(engine.queue.append(NumberedAppend(1)));
  engine.rested.acquire();
  ASSERT_TRUE(engine.queue.append(NumberedAppend(2)));
  engine.rested.acquire();
}

TEST(AppendQueue, RefusesAppendsOnceClosed) {
  Engine engine;
  engine.queue.close();
  EXPECT_EQ(engine.queue.append(NumberedAppend(1)).error().code, ErrorCode::Closed);
  EXPECT_TRUE(engine.groups().empty());
}

}  // namespace
}  // namespace eventstore
