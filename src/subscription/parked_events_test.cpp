#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/consumer_group.hpp"
#include "subscription/consumer_group_test_support.hpp"

// What becomes of events that were put aside, over each engine.
namespace eventstore {
namespace {

using std::chrono::milliseconds;
using test::at;
using test::eventually;
using test::has_nothing;
using test::take;
using test::value_of;
using Parked = std::vector<std::string>;

class ParkedEvents : public test::GroupTest {
 protected:
  // Has the member take and park the event at `position`.
  void park(GroupMember& member, std::uint64_t position, std::uint32_t attempt = 1) {
    EXPECT_EQ(take(member, attempt), position);
    EXPECT_TRUE(value_of(member.nack(at(position), NackAction::Park, "broken")));
  }
  void ack(GroupMember& member, std::uint64_t position, std::uint32_t attempt = 1) {
    EXPECT_EQ(take(member, attempt), position);
    EXPECT_TRUE(value_of(member.ack(at(position))));
  }
  std::uint64_t replay(std::vector<GlobalPosition> positions) {
    return value_of(groups().replay("g", positions));
  }
  bool become(const Parked& expected) {
    return eventually([&] { return parked() == expected; });
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, ParkedEvents, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(ParkedEvents, AreKeptWithWhyAndOthersGoOn) {
  create();
  const auto member = join();
  append("a");
  append("a");
  park(*member, 1);
  EXPECT_EQ(take(*member), 2U);
  const auto found = value_of(groups().parked("g"));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].position, GlobalPosition{1});
  EXPECT_EQ(found[0].stream, "a");
  EXPECT_EQ(found[0].version, StreamVersion{1});
  EXPECT_EQ(found[0].type, "Happened");
  EXPECT_EQ(found[0].key, "a");
  EXPECT_EQ(found[0].attempts, 1U);
  EXPECT_EQ(found[0].last_error, "broken");
  EXPECT_GT(found[0].parked_at, Timestamp());
  EXPECT_TRUE(value_of(groups().parked("g", {1})).empty());
}

// Parking is stored at once: whoever goes on does not get it again.
TEST_P(ParkedEvents, StayParkedWhereTheMemberDies) {
  create({.lease = milliseconds(300)});
  auto dying = new_process();
  {
    const auto member = value_of(dying->groups.join("g", "dying"));
    append("a");
    park(*member, 1);
    dying->state.goes = test::FlakyState::Goes::Nowhere;
  }
  const auto member = join();
  EXPECT_TRUE(eventually([&] { return member->bucket_count() == 1024; }));
  EXPECT_TRUE(has_nothing(*member));
  EXPECT_EQ(parked(), Parked{"1:1"});
}

TEST_P(ParkedEvents, AreParkedAfterTheLastAttempt) {
  create({.attempts_max = 3, .pause_min = milliseconds(0), .pause_max = milliseconds(0)});
  const auto member = join();
  append("a");
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_EQ(take(*member, attempt), 1U);
    EXPECT_TRUE(value_of(member->nack(at(1), NackAction::Retry, "no " + std::to_string(attempt))));
  }
  EXPECT_EQ(parked(), Parked{"1:3"});
  EXPECT_EQ(value_of(groups().parked("g"))[0].last_error, "no 3");
}

TEST_P(ParkedEvents, TakeAnyReason) {
  create();
  const auto member = join();
  append("a");
  EXPECT_EQ(take(*member), 1U);
  std::string reason(100'000, 'x');
  reason.replace(0, 4, std::string("\0\xff\xc3\xa4", 4));
  EXPECT_TRUE(value_of(member->nack(at(1), NackAction::Park, reason)));
  const auto kept = value_of(groups().parked("g"))[0].last_error;
  EXPECT_EQ(kept.substr(0, 6), "??\xc3\xa4xx");
  EXPECT_EQ(kept.size(), 8192U);
}

TEST_P(ParkedEvents, AreReplayedOneAfterTheOther) {
  create();
  const auto member = join();
  for (const auto* stream : {"a", "a", "a", "a"}) append(stream);
  for (std::uint64_t position = 1; position <= 3; ++position) park(*member, position);
  ack(*member, 4);
  EXPECT_EQ(replay({{3}, {1}, {9}}), 2U);
  const auto first = value_of(member->next(test::soon()));
  EXPECT_EQ(first.event.position, GlobalPosition{1});
  EXPECT_TRUE(first.is_replayed);
  EXPECT_EQ(first.attempt, 2U);
  EXPECT_TRUE(has_nothing(*member));
  EXPECT_TRUE(value_of(member->ack(at(1))));
  ack(*member, 3, 2);
  EXPECT_EQ(parked(), Parked{"2:1"});
  EXPECT_EQ(value_of(groups().replay_all("g")), 1U);
  EXPECT_EQ(take(*member, 2), 2U);
  EXPECT_TRUE(value_of(member->nack(at(2), NackAction::Skip, "never mind")));
  EXPECT_EQ(parked(), Parked{});
}

TEST_P(ParkedEvents, AreCountedOnceWhereTheyAreReplayed) {
  create();
  const auto member = join();
  append("a");
  park(*member, 1);
  const std::vector<GlobalPosition> twice = {{1}, {1}, {2}};
  EXPECT_EQ(value_of(groups().replay("g", twice)), 1U);
}

TEST_P(ParkedEvents, AreParkedAgainWhereAReplayFails) {
  create();
  const auto member = join();
  append("a");
  park(*member, 1);
  EXPECT_EQ(replay({{1}}), 1U);
  EXPECT_EQ(take(*member, 2), 1U);
  EXPECT_TRUE(value_of(member->nack(at(1), NackAction::Retry, "still broken")));
  EXPECT_EQ(parked(), Parked{"1:2"});
  EXPECT_EQ(value_of(groups().parked("g"))[0].last_error, "still broken");
  EXPECT_TRUE(has_nothing(*member));
  EXPECT_EQ(replay({{1}}), 1U);
  EXPECT_EQ(take(*member, 3), 1U);
}

TEST_P(ParkedEvents, AreReplayedByWhoeverHasTheBucket) {
  create();
  auto member = join();
  append("a");
  park(*member, 1);
  member.reset();
  EXPECT_EQ(value_of(groups().replay_all("g")), 1U);
  EXPECT_EQ(parked(), Parked{"1:1*"});
  member = join();
  ack(*member, 1, 2);
  EXPECT_EQ(parked(), Parked{});
}

TEST_P(ParkedEvents, HoldLaterOnesOfTheirKeyWhereAsked) {
  create({.holds_behind_parked = true});
  const auto member = join();
  for (const auto* stream : {"a", "a", "b", "a"}) append(stream);
  park(*member, 1);
  ack(*member, 3);
  EXPECT_TRUE(become({"1:1", "2:0", "4:0"}));
  append("a");
  append("b");
  ack(*member, 6);
  EXPECT_TRUE(become({"1:1", "2:0", "4:0", "5:0"}));
  EXPECT_EQ(value_of(groups().parked("g"))[3].last_error, "held behind position 1");
  EXPECT_EQ(value_of(groups().replay_all("g")), 4U);
  ack(*member, 1, 2);
  ack(*member, 2);
  ack(*member, 4);
  ack(*member, 5);
  append("a");  // the key is free again
  const auto next = value_of(member->next(test::soon()));
  EXPECT_EQ(next.event.position, GlobalPosition{7});
  EXPECT_FALSE(next.is_replayed);
}

TEST_P(ParkedEvents, HoldLaterOnesAlsoForTheNextMember) {
  create({.holds_behind_parked = true});
  auto member = join();
  append("a");
  park(*member, 1);
  member.reset();
  append("a");
  append("b");
  member = join();
  ack(*member, 3);
  EXPECT_TRUE(become({"1:1", "2:0"}));
  EXPECT_TRUE(has_nothing(*member));
}

// One that had other buckets before learns of the key with the bucket.
TEST_P(ParkedEvents, HoldLaterOnesForWhoeverTakesTheBucketOver) {
  create({.holds_behind_parked = true});
  auto first = join();
  auto second = join();
  EXPECT_TRUE(eventually([&] { return second->bucket_count() == 512; }));
  append("a");
  // It is in either's bucket.
  Result<GroupDelivery> delivery = std::unexpected(Error{});
  EXPECT_TRUE(eventually([&] {
    delivery = first->next(test::in(milliseconds(20)));
    if (delivery) return true;
    std::swap(first, second);
    return false;
  }));
  EXPECT_TRUE(value_of(first->nack(at(1), NackAction::Park, "broken")));
  first.reset();
  EXPECT_TRUE(eventually([&] { return second->bucket_count() == 1024; }));
  append("a");
  EXPECT_TRUE(become({"1:1", "2:0"}));
  EXPECT_TRUE(has_nothing(*second));
}

TEST_P(ParkedEvents, HoldLaterOnesAgainWhereAReplayFails) {
  create({.holds_behind_parked = true});
  const auto member = join();
  for (int n = 0; n < 3; ++n) append("a");
  park(*member, 1);
  EXPECT_TRUE(become({"1:1", "2:0", "3:0"}));
  EXPECT_EQ(value_of(groups().replay_all("g")), 3U);
  park(*member, 1, 2);
  EXPECT_TRUE(has_nothing(*member));
  EXPECT_TRUE(become({"1:2", "2:0", "3:0"}));
}

// What comes while a key is replayed keeps its place behind that.
TEST_P(ParkedEvents, AreReplayedBeforeWhatComesMeanwhile) {
  create({.holds_behind_parked = true});
  const auto member = join();
  append("a");
  append("a");
  park(*member, 1);
  EXPECT_TRUE(become({"1:1", "2:0"}));
  EXPECT_EQ(value_of(groups().replay_all("g")), 2U);
  EXPECT_EQ(take(*member, 2), 1U);
  for (int n = 0; n < 10; ++n) append("a");
  EXPECT_TRUE(has_nothing(*member));
  EXPECT_TRUE(value_of(member->ack(at(1))));
  for (std::uint64_t position = 2; position <= 12; ++position) ack(*member, position);
  EXPECT_EQ(parked(), Parked{});
}

TEST_P(ParkedEvents, AreDiscardedAndFreeTheirKey) {
  create({.holds_behind_parked = true});
  const auto member = join();
  append("a");
  append("a");
  park(*member, 1);
  EXPECT_TRUE(become({"1:1", "2:0"}));
  const std::vector<GlobalPosition> both = {{1}, {2}, {3}, {2}};
  EXPECT_EQ(value_of(groups().discard("g", both)), 2U);
  append("a");
  ack(*member, 3);
  EXPECT_EQ(parked(), Parked{});
}

TEST_P(ParkedEvents, AreGoneWithTheirStream) {
  create();
  const auto member = join();
  append("a");
  park(*member, 1);
  value_of(store().delete_stream("a", ExpectedVersion::any()));
  EXPECT_EQ(replay({{1}}), 1U);
  EXPECT_TRUE(become({}));
  EXPECT_TRUE(has_nothing(*member));
}

TEST_P(ParkedEvents, GoOnAfterAStopWithTheOneThatStoppedThem) {
  create();
  const auto member = join();
  append("a");
  park(*member, 1);
  EXPECT_EQ(replay({{1}}), 1U);
  EXPECT_EQ(take(*member, 2), 1U);
  EXPECT_TRUE(value_of(member->nack(at(1), NackAction::Stop, "enough")));
  EXPECT_EQ(test::code_of(member->next(test::soon())), ErrorCode::Closed);
  EXPECT_TRUE(groups().resume("g"));
  EXPECT_TRUE(eventually([&] { return !value_of(groups().status("g")).stopped; }));
  Result<GroupDelivery> again = std::unexpected(Error{});
  EXPECT_TRUE(eventually([&] {
    again = member->next(test::in(milliseconds(20)));
    return again.has_value();
  }));
  EXPECT_TRUE(again->is_replayed);
  EXPECT_EQ(again->attempt, 3U);
}

}  // namespace
}  // namespace eventstore
