#include "eventstore/consumer_group.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "subscription/consumer_group_test_support.hpp"

// Consumer groups over each engine: what they deliver, to whom, and what answers do.
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

class Groups : public test::GroupTest {};

INSTANTIATE_TEST_SUITE_P(Engines, Groups, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(Groups, DeliverWhatIsStoredAndWhatIsAppended) {
  append("a");
  append("b");
  create();
  const auto member = join();
  for (std::uint64_t position = 1; position <= 2; ++position) {
    EXPECT_EQ(take(*member), position);
    EXPECT_TRUE(value_of(member->ack(at(position))));
    EXPECT_FALSE(value_of(member->ack(at(position))));
  }
  auto waiting = std::async(std::launch::async, [&] { return take(*member); });
  EXPECT_EQ(append("a"), 3U);
  EXPECT_EQ(waiting.get(), 3U);
  EXPECT_TRUE(has_nothing(*member));
}

TEST_P(Groups, DeliverAKeysEventsInOrderOneAtATime) {
  create({.key_tag_prefix = "customer:"});
  const auto member = join();
  for (const auto* stream : {"order-1", "order-2", "order-3"}) {
    AppendRequest request;
    request.events.push_back(test::tagged_event_of(stream, "Placed", {"customer:17"}));
    value_of(store().append(request));
  }
  for (std::uint64_t position = 1; position <= 3; ++position) {
    EXPECT_EQ(take(*member), position);
    EXPECT_TRUE(has_nothing(*member));
    EXPECT_TRUE(value_of(member->ack(at(position))));
  }
}

TEST_P(Groups, DeliverWhatMatchesTheFilterFromTheirStartOn) {
  append("order-1");
  append("order-2");
  create({.filter = {.stream_prefix = "order-"}, .start = FromEnd{}});
  append("user-1");
  append("order-3");  // the start was fixed when the group was created
  const auto member = join();
  EXPECT_EQ(take(*member), 4U);
  EXPECT_TRUE(has_nothing(*member));
}

TEST_P(Groups, GoOnAfterALeaveWithWhatWasNotAcked) {
  create();
  for (const auto* stream : {"a", "b", "c"}) append(stream);
  auto member = join();
  for (std::uint64_t position = 1; position <= 3; ++position) EXPECT_EQ(take(*member), position);
  EXPECT_TRUE(value_of(member->ack(at(1))));
  EXPECT_TRUE(value_of(member->ack(at(3))));
  EXPECT_TRUE(member->leave(in(milliseconds(50))));
  EXPECT_EQ(code_of(member->next(soon())), ErrorCode::Closed);
  EXPECT_FALSE(value_of(member->ack(at(2))));
  member.reset();

  member = join();
  EXPECT_EQ(take(*member, 2), 2U);  // it had been delivered before
  EXPECT_TRUE(value_of(member->ack(at(2))));
  EXPECT_TRUE(has_nothing(*member));
  member.reset();
  EXPECT_TRUE(has_nothing(*join()));  // being destroyed stores answers, too
}

TEST_P(Groups, LeaveOnceAnswered) {
  create();
  append("a");
  const auto member = join();
  EXPECT_EQ(take(*member), 1U);
  auto leaving = std::async(std::launch::async, [&] { return member->leave(soon()); });
  EXPECT_TRUE(
      eventually([&] { return code_of(member->next(in(milliseconds(0)))) == ErrorCode::Closed; }));
  EXPECT_TRUE(value_of(member->ack(at(1))));
  EXPECT_TRUE(leaving.get());
  EXPECT_TRUE(has_nothing(*join()));
}

TEST_P(Groups, ShareTheirBucketsEvenly) {
  create();
  const auto are_even = [&](std::size_t count) {
    return [this, count] {
      const auto found = shares();
      if (found.size() != count) return false;
      const auto [least, most] = std::ranges::minmax(found);
      return most - least <= 1 && std::accumulate(found.begin(), found.end(), 0U) == 1024;
    };
  };
  std::vector<std::unique_ptr<GroupMember>> members;
  for (std::size_t count = 1; count <= 7; ++count) {
    members.push_back(join());
    EXPECT_TRUE(eventually(are_even(count))) << count;
    EXPECT_TRUE(eventually([&] { return members.back()->bucket_count() == shares().back(); }));
  }
  while (members.size() > 1) {
    members.erase(members.begin());
    EXPECT_TRUE(eventually(are_even(members.size()))) << members.size();
  }
}

// What somebody has out stays with them until it is answered, whoever joins.
TEST_P(Groups, GiveABucketAwayOnceItsDeliveryIsAnswered) {
  create({.filter = {.stream_prefix = "s"}});
  const auto first = join();
  for (int stream = 0; stream < 64; ++stream) append("s" + std::to_string(stream));
  std::vector<std::uint64_t> open;
  while (open.size() < 60) open.push_back(take(*first));
  const auto second = join();
  EXPECT_TRUE(eventually([&] { return second->bucket_count() == 512; }));
  std::vector<std::uint64_t> others;
  const auto collect = [&](GroupMember& member) {
    while (const auto delivery = member.next(in(milliseconds(100)))) {
      others.push_back(delivery->event.position.value);
      EXPECT_TRUE(value_of(member.ack(delivery->id())));
    }
  };
  for (const auto position : open) EXPECT_TRUE(value_of(first->ack(at(position))));
  collect(*first);
  collect(*second);
  std::ranges::sort(others);
  EXPECT_EQ(others.size() + open.size(), 64U);
  EXPECT_TRUE(std::ranges::all_of(
      others, [&](std::uint64_t one) { return std::ranges::count(open, one) == 0; }));
}

TEST_P(Groups, DeliverARetriedEventAgainAndOthersMeanwhile) {
  create({.attempts_max = 3, .pause_min = milliseconds(300), .pause_max = milliseconds(300)});
  const auto member = join();
  append("a");
  append("a");
  append("b");
  EXPECT_EQ(take(*member), 1U);
  EXPECT_TRUE(value_of(member->nack(at(1), NackAction::Retry, "no luck")));
  EXPECT_FALSE(value_of(member->nack(at(1), NackAction::Retry, "no luck")));
  EXPECT_EQ(take(*member), 3U);
  EXPECT_TRUE(value_of(member->ack(at(3))));
  EXPECT_TRUE(has_nothing(*member));
  EXPECT_EQ(take(*member, 2), 1U);
  EXPECT_TRUE(value_of(member->ack(at(1))));
  EXPECT_EQ(take(*member), 2U);
}

// A retried event never lends its position: not to the group's, nor to what the next member has.
TEST_P(Groups, StayBeforeARetriedEvent) {
  create({.pause_min = std::chrono::minutes(1), .lease = std::chrono::seconds(2)});
  auto member = join();
  append("a");
  append("a");
  for (int n = 0; n < 5; ++n) append("b");
  EXPECT_EQ(take(*member), 1U);
  EXPECT_TRUE(value_of(member->ack(at(1))));
  EXPECT_EQ(take(*member), 2U);
  EXPECT_TRUE(value_of(member->nack(at(2), NackAction::Retry, "no luck")));
  for (std::uint64_t position = 3; position <= 7; ++position) {
    EXPECT_EQ(take(*member), position);
    EXPECT_TRUE(value_of(member->ack(at(position))));
  }
  EXPECT_TRUE(eventually([&] { return value_of(groups().status("g")).position.value == 1; }));
  member.reset();
  EXPECT_EQ(value_of(groups().status("g")).position.value, 1U);
  member = join();
  EXPECT_EQ(take(*member, 2), 2U);  // attempts are counted on
  EXPECT_TRUE(has_nothing(*member));
}

TEST_P(Groups, TakeNoAnswerForADeliveryThatWasTakenForLost) {
  create({.attempts_max = 1'000'000,
          .pause_min = milliseconds(0),
          .pause_max = milliseconds(0),
          .answer_within = milliseconds(60)});
  const auto member = join();
  append("a");
  const auto first = value_of(member->next(soon()));
  auto last = value_of(member->next(soon()));
  EXPECT_GT(last.attempt, first.attempt);
  EXPECT_FALSE(value_of(member->ack(first.id())));
  // This one may be late as well.
  while (!value_of(member->ack(last.id()))) last = value_of(member->next(soon()));
  EXPECT_TRUE(has_nothing(*member));
}

TEST_P(Groups, TakeNoAnswerForARetry) {
  create({.attempts_max = 2,
          .pause_min = milliseconds(0),
          .pause_max = milliseconds(0),
          .answer_within = milliseconds(60)});
  const auto member = join();
  append("a");
  EXPECT_EQ(take(*member), 1U);
  EXPECT_EQ(take(*member, 2), 1U);
  EXPECT_TRUE(eventually([&] { return parked() == std::vector<std::string>{"1:2"}; }));
  EXPECT_EQ(value_of(groups().parked("g"))[0].last_error, "no answer within 60 ms");
  EXPECT_FALSE(value_of(member->ack(at(1))));
}

TEST_P(Groups, SkipWhatIsToBeSkipped) {
  create({.attempts_max = 1, .when_exhausted = NackAction::Skip});
  const auto member = join();
  append("a");
  append("a");
  append("a");
  EXPECT_EQ(take(*member), 1U);
  EXPECT_TRUE(value_of(member->nack(at(1), NackAction::Skip, "not ours")));
  EXPECT_EQ(take(*member), 2U);
  EXPECT_TRUE(value_of(member->nack(at(2), NackAction::Retry, "no luck")));
  EXPECT_EQ(take(*member), 3U);
  EXPECT_TRUE(parked().empty());
}

TEST_P(Groups, StopUntilTheyAreResumed) {
  create({.lease = milliseconds(300)});
  const auto other_process = new_process();
  const auto member = join();
  const auto elsewhere = value_of(other_process->groups.join("g", "elsewhere"));
  for (int stream = 0; stream < 20; ++stream) append("s" + std::to_string(stream));
  const auto position = value_of(member->next(soon())).event.position;
  EXPECT_TRUE(value_of(member->nack(at(position), NackAction::Stop, "out of paper")));
  EXPECT_EQ(code_of(member->next(soon())), ErrorCode::Closed);
  EXPECT_EQ(value_of(groups().status("g")).stopped, "out of paper");
  EXPECT_TRUE(eventually([&] {
    const auto delivery = elsewhere->next(soon());
    if (delivery) return value_of(elsewhere->ack(delivery->id())) && false;
    return delivery.error().message == "consumer group \"g\": it is stopped: out of paper";
  }));
  EXPECT_TRUE(groups().resume("g"));
  EXPECT_FALSE(value_of(groups().status("g")).stopped);
  EXPECT_TRUE(eventually([&] { return member->next(in(milliseconds(10))).has_value(); }));
  EXPECT_TRUE(eventually([&] {
    const auto delivery = elsewhere->next(in(milliseconds(10)));
    return delivery || delivery.error().code == ErrorCode::DeadlineExceeded;
  }));
}

TEST_P(Groups, TellHowTheyAre) {
  create({.filter = {.stream_prefix = "s"}});
  EXPECT_EQ(value_of(groups().status("g")).lag, 0U);
  for (int n = 0; n < 3; ++n) append("s");
  append("other");
  auto status = value_of(groups().status("g"));
  EXPECT_EQ(status.name, "g");
  EXPECT_EQ(status.position, GlobalPosition{0});
  EXPECT_EQ(status.head, GlobalPosition{4});
  EXPECT_EQ(status.lag, 4U);
  EXPECT_GE(status.lag_time, std::chrono::microseconds(0));
  EXPECT_TRUE(status.members.empty());

  auto member = value_of(groups().join("g", "worker 7"));
  status = value_of(groups().status("g"));
  ASSERT_EQ(status.members.size(), 1U);
  EXPECT_EQ(status.members[0].name, "worker 7");
  EXPECT_EQ(status.members[0].buckets, 1024U);
  EXPECT_EQ(take(*member), 1U);
  EXPECT_TRUE(value_of(member->nack(at(1), NackAction::Park, "odd")));
  EXPECT_EQ(value_of(groups().status("g")).parked, 1U);
  for (std::uint64_t position = 2; position <= 3; ++position) {
    EXPECT_EQ(take(*member), position);
    EXPECT_TRUE(value_of(member->ack(at(position))));
  }
  // What does not match is passed by as well.
  EXPECT_TRUE(eventually([&] { return value_of(groups().status("g")).lag == 0; }));
  member.reset();
  EXPECT_TRUE(value_of(groups().status("g")).members.empty());
  EXPECT_EQ(value_of(groups().list()).size(), 1U);
}

TEST_P(Groups, AreCreatedOnceAndRemoved) {
  create();
  EXPECT_FALSE(value_of(groups().create("g", {})));
  append("a");
  const auto member = join();
  EXPECT_TRUE(value_of(groups().remove("g")));
  EXPECT_FALSE(value_of(groups().remove("g")));
  EXPECT_TRUE(eventually([&] {
    const auto delivery = member->next(in(milliseconds(10)));
    return !delivery && delivery.error().code == ErrorCode::Closed;
  }));
  EXPECT_TRUE(member->leave(soon()));
  EXPECT_TRUE(value_of(groups().list()).empty());
  EXPECT_EQ(code_of(groups().status("g")), ErrorCode::NotFound);
  EXPECT_EQ(code_of(groups().join("g", "worker")), ErrorCode::NotFound);
  EXPECT_EQ(code_of(groups().parked("g")), ErrorCode::NotFound);
  EXPECT_EQ(code_of(groups().replay_all("g")), ErrorCode::NotFound);
  EXPECT_EQ(code_of(groups().resume("g")), ErrorCode::NotFound);
  create();
  EXPECT_EQ(take(*join()), 1U);
}

TEST_P(Groups, ShowTheirSettings) {
  append("a");
  create({.filter = {.types = {"T"}}, .start = FromEnd{}, .attempts_max = 9});
  const auto settings = value_of(groups().settings("g"));
  EXPECT_EQ(settings.filter.types, std::vector<std::string>{"T"});
  EXPECT_EQ(settings.attempts_max, 9U);
  EXPECT_EQ(std::get<AfterPosition>(settings.start).position.value, 1U);
  EXPECT_EQ(code_of(groups().settings("other")), ErrorCode::NotFound);
}

TEST_P(Groups, AreNotTakenForThoseWithOtherSettings) {
  append("a");
  create({.start = FromEnd{}, .attempts_max = 9});
  append("a");
  EXPECT_FALSE(value_of(groups().create("g", {.start = FromEnd{}, .attempts_max = 9})));
  const auto refused = groups().create("g", {.lease = std::chrono::seconds(3)});
  EXPECT_EQ(code_of(refused), ErrorCode::InvalidArgument);
  EXPECT_EQ(refused.error().message,
            "there is a consumer group \"g\" with other settings: attempts_max is 9, lease_ms is "
            "10000, start_position is 1");
  EXPECT_EQ(value_of(groups().settings("g")).attempts_max, 9U);
}

TEST_P(Groups, RefuseWhatCannotBe) {
  EXPECT_EQ(code_of(groups().create("", {})), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(groups().create("g", {.attempts_max = 0})), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(groups().create("g", {.filter = {.stream_pattern = "("}})),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(groups().create("g", {.start = AfterPosition{{99}}})),
            ErrorCode::InvalidArgument);
  EXPECT_TRUE(value_of(groups().list()).empty());
  create();
  EXPECT_EQ(code_of(groups().join("g", "")), ErrorCode::InvalidArgument);
}

TEST_P(Groups, CancelAWait) {
  create();
  const auto member = join();
  std::stop_source source;
  auto waiting =
      std::async(std::launch::async, [&] { return member->next(soon(), source.get_token()); });
  source.request_stop();
  EXPECT_EQ(code_of(waiting.get()), ErrorCode::Cancelled);
}

}  // namespace
}  // namespace eventstore
