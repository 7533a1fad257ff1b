#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/seeded_random.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/consumer_group.hpp"
#include "subscription/consumer_group_test_support.hpp"
#include "support/test_scale.hpp"

// Consumer groups whose members die, pause beyond their lease, or do not learn what was stored.
namespace eventstore {
namespace {

using std::chrono::milliseconds;
using test::at;
using test::code_of;
using test::eventually;
using test::has_nothing;
using test::in;
using test::soon;
using test::take;
using test::value_of;
using Goes = test::FlakyState::Goes;

// Short for those that wait until it is over, long for those that must not lose it on a machine
// that stands still for a moment.
constexpr auto kShortLease = std::chrono::seconds(2);

class GroupFailures : public test::GroupTest {
 protected:
  // Has a member of `zombies` take the event at 1, and then lose its buckets without knowing:
  // nothing reaches the database for it, and somebody else joins.
  std::unique_ptr<GroupMember> zombie_of(Process& zombies) {
    auto zombie = value_of(zombies.groups.join("g", "zombie"));
    append("a");
    EXPECT_EQ(take(*zombie), 1U);
    zombies.state.goes = Goes::Nowhere;
    return zombie;
  }
  std::int64_t number(std::string_view sql) {
    return value_of(value_of(state().begin(soon()))->run(sql)).integer(0, 0);
  }
  bool has_all(GroupMember& member) {
    return eventually([&] { return member.bucket_count() == ConsumerGroups::kBuckets; });
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, GroupFailures, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(GroupFailures, TheBucketsOfOneThatDiedAreTakenOver) {
  create({.lease = kShortLease});
  const auto dying = new_process();
  zombie_of(*dying).reset();
  const auto member = join();
  EXPECT_TRUE(has_all(*member));
  EXPECT_EQ(take(*member), 1U);
}

TEST_P(GroupFailures, AZombieParksNothing) {
  create({.lease = kShortLease});
  const auto zombies = new_process();
  const auto zombie = zombie_of(*zombies);
  const auto member = join();
  EXPECT_TRUE(has_all(*member));
  EXPECT_EQ(take(*member), 1U);
  zombies->state.goes = Goes::Well;
  EXPECT_FALSE(value_of(zombie->nack(at(1), NackAction::Park, "late")));
  EXPECT_TRUE(parked().empty());
  EXPECT_TRUE(value_of(member->ack(at(1))));
}

TEST_P(GroupFailures, AZombieStopsNothing) {
  create({.lease = kShortLease});
  const auto zombies = new_process();
  const auto zombie = zombie_of(*zombies);
  const auto member = join();
  EXPECT_TRUE(has_all(*member));
  zombies->state.goes = Goes::Well;
  EXPECT_FALSE(value_of(zombie->nack(at(1), NackAction::Stop, "late")));
  EXPECT_FALSE(value_of(groups().status("g")).stopped);
}

// It acks what its successor is at work on: the successor's retry still holds the position.
TEST_P(GroupFailures, AZombieMovesNoPosition) {
  create({.pause_min = std::chrono::minutes(1), .lease = kShortLease});
  const auto zombies = new_process();
  auto zombie = zombie_of(*zombies);
  const auto member = join();
  EXPECT_TRUE(has_all(*member));
  EXPECT_EQ(take(*member), 1U);
  EXPECT_TRUE(value_of(member->nack(at(1), NackAction::Retry, "no luck")));
  static_cast<void>(zombie->ack(at(1)));
  zombies->state.goes = Goes::Well;
  // It is a member again, with buckets of its own.
  EXPECT_TRUE(eventually([&] { return member->bucket_count() == 512; }));
  EXPECT_TRUE(eventually([&] { return zombie->bucket_count() == 512; }));
  EXPECT_TRUE(zombie->leave(soon()));
  EXPECT_EQ(value_of(groups().status("g")).position, GlobalPosition{0});
}

// It delivers nothing before it knows better, though its buffer fills as before.
TEST_P(GroupFailures, WhoeverMayHaveLostItsLeaseWaits) {
  create({.lease = kShortLease});
  const auto zombies = new_process();
  const auto zombie = zombie_of(*zombies);
  const auto member = join();
  EXPECT_TRUE(has_all(*member));
  append("b");
  EXPECT_EQ(take(*member), 1U);
  EXPECT_EQ(take(*member), 2U);
  for (int failures = 0; failures < 5;) {
    const auto delivery = zombie->next(in(milliseconds(100)));
    ASSERT_FALSE(delivery);
    if (delivery.error().code == ErrorCode::Unavailable) ++failures;
  }
}

TEST_P(GroupFailures, WhatWasStoredWithoutAnAnswerIsFoundOut) {
  create({.lease = kShortLease});
  const auto process = new_process();
  process->state.goes = Goes::HalfUnanswered;
  for (int n = 0; n < 10; ++n) append("a");
  std::unique_ptr<GroupMember> member;
  EXPECT_TRUE(eventually([&] {
    auto joined = process->groups.join("g", "worker");
    if (joined) member = *std::move(joined);
    return joined.has_value();
  }));
  std::uint64_t position = 0;
  EXPECT_TRUE(eventually([&] {
    const auto delivery = member->next(in(milliseconds(50)));
    if (!delivery) return false;
    EXPECT_EQ(delivery->event.position.value, position + 1);
    static_cast<void>(member->ack(delivery->id()));
    return ++position == 10;
  }));
}

// Parking whose answer was lost, done again, is one parked event.
TEST_P(GroupFailures, ParkingAgainIsTheSame) {
  create();
  const auto process = new_process();
  const auto member = value_of(process->groups.join("g", "worker"));
  append("a");
  append("a");
  EXPECT_EQ(take(*member), 1U);
  process->state.goes = Goes::WithoutAnswers;
  EXPECT_EQ(code_of(member->nack(at(1), NackAction::Park, "broken")), ErrorCode::OutcomeUnknown);
  process->state.goes = Goes::Well;
  EXPECT_TRUE(value_of(member->nack(at(1), NackAction::Park, "broken")));
  EXPECT_EQ(parked(), std::vector<std::string>{"1:1"});
  // A failure that was noted meanwhile is told once.
  EXPECT_TRUE(eventually([&] {
    const auto delivery = member->next(in(milliseconds(50)));
    return delivery && delivery->event.position.value == 2;
  }));
}

constexpr const char* kFurthest = "SELECT max(position) FROM state_group_members";

TEST_P(GroupFailures, AnswersStayStoredWhereAMemberDies) {
  create({.lease = kShortLease});
  const auto dying = new_process();
  auto first = value_of(dying->groups.join("g", "first"));
  for (std::uint64_t position = 1; position <= 5; ++position) {
    append("b");
    EXPECT_EQ(take(*first), position);
    EXPECT_TRUE(value_of(first->ack(at(position))));
  }
  EXPECT_TRUE(eventually([&] { return number(kFurthest) == 5; }));
  dying->state.goes = Goes::Nowhere;
  first.reset();
  const auto member = join();
  EXPECT_TRUE(has_all(*member));
  EXPECT_TRUE(has_nothing(*member));
  EXPECT_EQ(value_of(groups().status("g")).position, GlobalPosition{5});
}

// A member tells in one position how far all of its buckets are. Where that goes back, because a
// bucket comes to it that is behind, what it told of the others stays stored: also when it dies.
TEST_P(GroupFailures, AnswersStayStoredWhereABucketComesThatIsBehind) {
  create({.pause_min = std::chrono::minutes(1), .lease = kShortLease});
  const auto dying = new_process();
  auto first = value_of(dying->groups.join("g", "first"));
  const auto second_dying = new_process();
  auto second = value_of(second_dying->groups.join("g", "second"));
  EXPECT_TRUE(eventually([&] { return second->bucket_count() == 512; }));
  EXPECT_TRUE(eventually([&] { return first->bucket_count() == 512; }));
  // "a" is in a bucket that is given away first, "b" in one that is kept.
  append("a");
  EXPECT_EQ(take(*second), 1U);
  EXPECT_TRUE(value_of(second->nack(at(1), NackAction::Retry, "no luck")));
  for (std::uint64_t position = 2; position <= 6; ++position) {
    append("b");
    EXPECT_EQ(take(*first), position);
    EXPECT_TRUE(value_of(first->ack(at(position))));
  }
  EXPECT_TRUE(eventually([&] { return number(kFurthest) >= 6; }));
  second_dying->state.goes = Goes::Nowhere;
  second.reset();
  EXPECT_TRUE(has_all(*first));
  // So are those that had none to answer: nobody reads all of the log for them again.
  EXPECT_GE(number("SELECT min(position) FROM state_group_buckets WHERE bucket < 512"), 6);
  dying->state.goes = Goes::Nowhere;
  first.reset();
  const auto member = join();
  EXPECT_TRUE(has_all(*member));
  EXPECT_EQ(value_of(member->next(soon())).event.position, GlobalPosition{1});
  EXPECT_TRUE(has_nothing(*member));
}

// What all members together have been given and have answered.
class Book {
 public:
  // Of each stream everything before must be settled.
  void delivered(const RecordedEvent& event) {
    const MutexLock lock(mutex_);
    EXPECT_LE(event.version.value, settled_[event.stream] + 1) << event.stream;
  }
  // Before the answer is given: another may have the next event right after.
  void settles(const RecordedEvent& event) {
    const MutexLock lock(mutex_);
    auto& version = settled_[event.stream];
    if (event.version.value <= version) return;
    version = event.version.value;
    ++count_;
  }
  void parked(GlobalPosition position) {
    const MutexLock lock(mutex_);
    parked_.insert(position.value);
  }
  std::uint64_t count() const {
    const MutexLock lock(mutex_);
    return count_;
  }
  std::set<std::uint64_t> parked() const {
    const MutexLock lock(mutex_);
    return parked_;
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::uint64_t> settled_ GUARDED_BY(mutex_);
  std::set<std::uint64_t> parked_ GUARDED_BY(mutex_);
  std::uint64_t count_ GUARDED_BY(mutex_) = 0;
};

class GroupStorm : public test::GroupTest {
 protected:
  static constexpr std::uint64_t kStreams = 20;

  // What a member does until it comes to its end: it leaves, is destroyed, or dies.
  void take_part(SeededRandom& random, Book& book, const std::atomic<bool>& is_over) {
    const auto process = new_process();
    if (random.chance(1, 4)) process->state.goes = Goes::HalfUnanswered;
    auto joined = process->groups.join("g", "worker");
    if (!joined) return;
    const auto member = *std::move(joined);
    for (auto left = 5 + random.below(100); left > 0 && !is_over; --left) {
      const auto delivery = member->next(in(milliseconds(50)));
      if (!delivery) continue;
      book.delivered(delivery->event);
      answer(random, book, *member, *delivery);
    }
    if (random.chance(1, 3)) process->state.goes = Goes::Nowhere;
    if (random.chance(1, 2)) static_cast<void>(member->leave(in(milliseconds(20))));
  }

  static void answer(SeededRandom& random, Book& book, GroupMember& member,
                     const GroupDelivery& delivery) {
    const auto position = delivery.event.position;
    switch (random.below(20)) {
      case 0:
        static_cast<void>(member.nack(at(position), NackAction::Retry, "not now"));
        return;
      case 1:
        return;  // nobody answers
      case 2: {
        book.settles(delivery.event);
        const auto parked = member.nack(at(position), NackAction::Park, "broken");
        if (parked && *parked) book.parked(position);
        return;
      }
      case 3:
        book.settles(delivery.event);
        static_cast<void>(member.nack(at(position), NackAction::Skip, "never mind"));
        return;
      default:
        book.settles(delivery.event);
        static_cast<void>(member.ack(at(position)));
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, GroupStorm, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(GroupStorm, LosesNothingAndKeepsTheOrderOfKeys) {
  create({.attempts_max = 1000,
          .pause_min = milliseconds(1),
          .pause_max = milliseconds(20),
          .answer_within = milliseconds(100),
          .lease = milliseconds(300)});
  const auto count = test::scaled(3000);
  std::atomic<bool> is_over = false;
  Book book;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t worker = 0; worker < 4; ++worker) {
      threads.emplace_back([&, worker] {
        SeededRandom random(worker);
        while (!is_over) take_part(random, book, is_over);
      });
    }
    for (std::uint64_t n = 0; n < count; ++n) append("s" + std::to_string(n * 7 % kStreams));
    EXPECT_TRUE(eventually([&] { return book.count() == count; })) << book.count();
    is_over = true;
  }
  // What is left was answered by somebody who could not store it.
  const auto member = join();
  EXPECT_TRUE(eventually([&] {
    const auto delivery = member->next(in(milliseconds(20)));
    if (delivery) {
      book.delivered(delivery->event);
      static_cast<void>(member->ack(delivery->id()));
    }
    return value_of(groups().status("g")).lag == 0;
  }));
  std::set<std::uint64_t> parked;
  for (const auto& event : value_of(groups().parked("g", {}, 100'000))) {
    parked.insert(event.position.value);
  }
  for (const auto position : book.parked()) EXPECT_TRUE(parked.contains(position)) << position;
}

}  // namespace
}  // namespace eventstore
