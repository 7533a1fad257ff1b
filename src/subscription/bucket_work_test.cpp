#include "subscription/bucket_work.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/seeded_random.hpp"
#include "subscription/group_settings.hpp"

namespace eventstore::subscription {
namespace {

using std::chrono::milliseconds;

const Deadline kStart = Deadline() + std::chrono::hours(1);

// A log in memory, of events by their streams, and a member's work over it.
class Work {
 public:
  explicit Work(std::vector<std::string> streams, ConsumerGroupSettings settings = {},
                BucketWork::Limits limits = {})
      : settings_(std::move(settings)),
        work_(settings_, random_, limits),
        streams_(std::move(streams)) {}

  BucketWork& operator*() { return work_; }
  BucketWork* operator->() { return &work_; }

  void append(const std::string& stream) { streams_.push_back(stream); }

  // What a subscription would deliver next, from where the work reads; opened anew where asked for.
  bool read(std::uint64_t count = 1) {
    static_cast<void>(work_.make_room());
    if (const auto again = work_.reread_after()) work_.rereads_after(*again);
    if (!work_.wants_events() || !work_.read_up_to()) return false;
    const auto from = work_.read_up_to()->value;
    std::vector<EventView> events;
    for (auto at = from; at < std::min<std::uint64_t>(from + count, streams_.size()); ++at) {
      EventView event;
      event.position = {at + 1};
      event.stream = streams_[at];
      events.push_back(event);
    }
    if (events.empty()) return false;
    work_.push(events, events.back().position);
    return true;
  }
  void read_all() {
    while (read(100)) {
    }
  }
  // 0: nothing.
  std::uint64_t deliver() {
    const auto delivery = work_.deliver(now);
    return delivery ? delivery->event.position.value : 0;
  }
  const std::string& stream_of(std::uint64_t position) const { return streams_[position - 1]; }
  std::uint64_t head() const { return streams_.size(); }

  Deadline now = kStart;

 private:
  const ConsumerGroupSettings settings_;
  SeededRandom random_{1};
  BucketWork work_;
  std::vector<std::string> streams_;
};

// Two keys in different buckets.
const std::string kA = "a";
const std::string kB = "b";

void take_all(Work& work, GlobalPosition position = {}) {
  for (std::uint32_t bucket = 0; bucket < ConsumerGroups::kBuckets; ++bucket) {
    work->take({.bucket = bucket, .position = position});
  }
}

TEST(BucketWork, DeliversOneEventOfABucketAtATime) {
  Work work({kA, kA, kB, kA});
  take_all(work);
  work.read_all();
  EXPECT_EQ(work.deliver(), 1U);
  EXPECT_EQ(work.deliver(), 3U);
  EXPECT_EQ(work.deliver(), 0U);
  EXPECT_TRUE(work->finish({1}));
  EXPECT_FALSE(work->finish({1}));
  EXPECT_EQ(work.deliver(), 2U);
  EXPECT_EQ(work.deliver(), 0U);
}

// What was read while nobody had the bucket is read again by whoever takes it.
TEST(BucketWork, ReadsAnewWhatItReadWithoutTheBucket) {
  Work work({kA, kA});
  work->rereads_after({});
  EventView event;
  event.position = {2};
  event.stream = kA;
  work->push({&event, 1}, {2});
  work->take({.bucket = bucket_of(kA), .position = {1}});
  EXPECT_EQ(work->reread_after(), GlobalPosition{1});
  work.read_all();
  EXPECT_EQ(work.deliver(), 2U);
}

TEST(BucketWork, HoldsItsPositionBackForWhatIsRetried) {
  Work work({kB, kA, kA, kB, kB});
  take_all(work);
  work.read_all();
  EXPECT_EQ(work.deliver(), 1U);
  EXPECT_EQ(work.deliver(), 2U);
  EXPECT_TRUE(work->retry_later({2}, work.now));
  for (const std::uint64_t position : {1U, 4U, 5U}) {
    if (position != 1) {
      EXPECT_EQ(work.deliver(), position);
    }
    EXPECT_TRUE(work->finish({position}));
  }
  EXPECT_EQ(work->lowest(), GlobalPosition{1});
  const auto unstored = work->unstored({1});
  ASSERT_EQ(unstored.size(), 2U);
  for (const auto& progress : unstored) {
    const bool is_retried = progress.bucket == bucket_of(kA);
    EXPECT_EQ(progress.position.value, is_retried ? 1U : 5U);
    EXPECT_EQ(progress.attempts, is_retried ? 1U : 0U);
  }
  EXPECT_EQ(work.deliver(), 0U);
  work.now = *work->next_pause_end();
  const auto again = work->deliver(work.now);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->event.position, GlobalPosition{2});
  EXPECT_EQ(again->attempt, 2U);
}

TEST(BucketWork, PausesLongerEachTimeUpToItsMost) {
  const ConsumerGroupSettings settings{
      .attempts_max = 100, .pause_min = milliseconds(100), .pause_max = milliseconds(1000)};
  Work work({kA}, settings);
  take_all(work);
  work.read_all();
  for (const int most : {100, 200, 400, 800, 1000, 1000, 1000}) {
    ASSERT_EQ(work.deliver(), 1U);
    EXPECT_TRUE(work->retry_later({1}, work.now));
    const auto pause = *work->next_pause_end() - work.now;
    EXPECT_LE(pause, milliseconds(most));
    EXPECT_GE(pause, milliseconds(most / 2));
    work.now = *work->next_pause_end() - milliseconds(1);
    EXPECT_EQ(work.deliver(), 0U);
    work.now += milliseconds(1);
  }
}

TEST(BucketWork, CountsAttemptsOnFromWhatIsStored) {
  Work work({kA, kA});
  work->take({.bucket = bucket_of(kA), .position = {}, .attempts = 3});
  work.read_all();
  EXPECT_EQ(work->deliver(work.now)->attempt, 4U);
  EXPECT_TRUE(work->finish({1}));
  EXPECT_EQ(work->deliver(work.now)->attempt, 1U);
  // Also where it is given away before its event was read.
  Work unread({kA});
  unread->take({.bucket = bucket_of(kA), .position = {}, .attempts = 3});
  unread->keep(0);
  EXPECT_EQ(unread->to_give().front(),
            (BucketProgress{.bucket = bucket_of(kA), .position = {}, .attempts = 3}));
}

TEST(BucketWork, LeavesOutWhatItsBucketsHaveDone) {
  Work work({kA, kB, kA, kB, kA});
  work->take({.bucket = bucket_of(kB), .position = {2}});
  work.read_all();
  EXPECT_EQ(work.deliver(), 4U);
  EXPECT_EQ(work->read_up_to(), GlobalPosition{5});
  // One that has come less far makes it read anew, from there.
  work->take({.bucket = bucket_of(kA), .position = {1}});
  EXPECT_EQ(work->reread_after(), GlobalPosition{1});
  work.read_all();
  EXPECT_EQ(work.deliver(), 3U);
  EXPECT_TRUE(work->finish({4}));
  EXPECT_EQ(work.deliver(), 0U);
  EXPECT_TRUE(work->finish({3}));
  EXPECT_EQ(work.deliver(), 5U);
  EXPECT_TRUE(work->finish({5}));
  EXPECT_EQ(work->lowest(), GlobalPosition{5});
}

TEST(BucketWork, GivesIdleBucketsFirstAndOthersOnceAnswered) {
  Work work({kA, kA});
  take_all(work);
  work.read_all();
  EXPECT_EQ(work.deliver(), 1U);
  work->keep(1);
  EXPECT_EQ(work->to_give().size(), 1023U);
  for (const auto& given : work->to_give()) EXPECT_EQ(given.position, GlobalPosition{2});
  work->keep(0);
  EXPECT_EQ(work->to_give().size(), 1023U);
  EXPECT_TRUE(work->finish({1}));
  EXPECT_EQ(work.deliver(), 0U);  // it is to go
  EXPECT_EQ(work->to_give().size(), 1024U);
  work->keep(1024);
  EXPECT_TRUE(work->to_give().empty());
  EXPECT_EQ(work.deliver(), 2U);
}

TEST(BucketWork, TellsWhatIsOverdue) {
  Work work({kA, kB}, {.answer_within = milliseconds(50)});
  take_all(work);
  work.read_all();
  EXPECT_EQ(work.deliver(), 1U);
  work.now += milliseconds(20);
  EXPECT_EQ(work.deliver(), 2U);
  EXPECT_EQ(work->next_overdue(), kStart + milliseconds(50));
  EXPECT_TRUE(work->overdue(work.now).empty());
  EXPECT_EQ(work->overdue(kStart + milliseconds(50)), std::vector{GlobalPosition{1}});
  work->set_settling({1}, true);
  EXPECT_TRUE(work->overdue(kStart + milliseconds(50)).empty());
}

// Memory is bounded, and one event that nobody can deal with does not stop the others.
TEST(BucketWork, GoesOnWithOthersWhereMemoryIsFullBehindARetry) {
  std::vector<std::string> streams(50, kA);
  streams.emplace_back(kB);
  streams.insert(streams.end(), 50, kA);
  Work work(streams, {}, {.events_max = 10});
  take_all(work);
  while (work.read()) {
  }
  EXPECT_EQ(work->read_up_to(), GlobalPosition{10});
  EXPECT_EQ(work.deliver(), 1U);
  EXPECT_TRUE(work->retry_later({1}, work.now));
  while (work.read()) {
  }
  EXPECT_EQ(work.deliver(), 51U);
  EXPECT_TRUE(work->finish({51}));
  work.now = *work->next_pause_end();
  for (std::uint64_t position = 1; position <= 101; ++position) {
    if (position == 51) continue;
    while (work.read()) {
    }
    ASSERT_EQ(work.deliver(), position);
    EXPECT_TRUE(work->finish({position}));
  }
  while (work.read()) {
  }
  EXPECT_EQ(work.deliver(), 0U);
  EXPECT_EQ(work->lowest(), GlobalPosition{101});
}

// A bucket whose events were given up is not what reading goes on from where another is behind it.
TEST(BucketWork, ReadsNoFurtherOnForABucketThatIsAheadOfWhatIsRead) {
  std::vector<std::string> streams(3, kB);
  streams.insert(streams.end(), 10, kA);
  streams.insert(streams.end(), 20, kB);
  Work work(streams, {}, {.events_max = 10});
  work->take({.bucket = bucket_of(kA), .position = {3}});
  while (work.read()) {
  }
  EXPECT_EQ(work.deliver(), 4U);
  EXPECT_TRUE(work->retry_later({4}, work.now));
  while (work.read()) {
  }
  // Now one comes that has done nothing yet, and the first is answered meanwhile.
  work->take({.bucket = bucket_of(kB), .position = {}});
  EXPECT_TRUE(work.read());
  work.now = *work->next_pause_end();
  EXPECT_EQ(work.deliver(), 1U);
  EXPECT_EQ(work.deliver(), 4U);
  EXPECT_TRUE(work->finish({4}));
  work.read_all();
  EXPECT_TRUE(work->finish({1}));
  EXPECT_EQ(work.deliver(), 2U);
}

TEST(BucketWork, HoldsEventsOfAKeyUntilTheyAreParked) {
  Work work({kA, kA, kB, kA});
  take_all(work);
  work->hold(kA);
  work.read_all();
  EXPECT_EQ(work.deliver(), 3U);
  ASSERT_EQ(work->held_events(10).size(), 3U);
  work->finish_held({1}, bucket_of(kA));
  ASSERT_EQ(work->held_events(10).size(), 2U);
  work->release(kA);
  EXPECT_FALSE(work->has_held_events());
  EXPECT_EQ(work.deliver(), 2U);
}

TEST(BucketWork, DeliversReplaysBeforeOthersOfTheirBucket) {
  Work work({kA, kA, kA, kA});
  work->take({.bucket = bucket_of(kA), .position = {2}});
  work.read_all();
  for (const std::uint64_t position : {2U, 1U}) {
    RecordedEvent event;
    event.stream = kA;
    event.position = {position};
    work->add_replay(bucket_of(kA), {.attempts = 5, .event = event});
  }
  const auto first = work->deliver(work.now);
  ASSERT_TRUE(first && first->is_replayed);
  EXPECT_EQ(first->event.position, GlobalPosition{1});
  EXPECT_EQ(first->attempt, 6U);
  EXPECT_EQ(work.deliver(), 0U);
  EXPECT_TRUE(work->finish({1}));
  EXPECT_EQ(work->lowest(), GlobalPosition{2});
  work->keep_replays({});
  EXPECT_EQ(work.deliver(), 3U);
}

// Whatever happens, of each key the events are finished once, in order, none left out; and the
// position of a bucket is never beyond one that is not finished.
RC_GTEST_PROP(BucketWork, FinishesEveryEventInOrder, (std::uint64_t seed)) {
  SeededRandom random(seed);
  Work work({}, {.pause_min = milliseconds(1), .pause_max = milliseconds(50)},
            {.events_max = 1 + random.below(30)});
  std::map<std::uint32_t, BucketProgress> stored;
  for (std::uint32_t bucket = 0; bucket < ConsumerGroups::kBuckets; ++bucket) {
    stored[bucket] = {.bucket = bucket, .position = {}};
  }
  std::map<std::string, std::vector<std::uint64_t>> finished;
  std::vector<std::uint64_t> open;
  const auto give = [&](std::size_t kept) {
    work->keep(kept);
    for (const auto& given : work->to_give()) {
      stored[given.bucket] = given;
      work->drop(given.bucket);
    }
  };
  const auto take = [&](std::uint64_t chance) {
    for (auto at = stored.begin(); at != stored.end();) {
      if (random.below(100) >= chance) {
        ++at;
        continue;
      }
      work->take(at->second);
      at = stored.erase(at);
    }
  };
  const auto answer = [&](std::size_t which, bool is_good) {
    const auto position = open[which];
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
    if (!is_good) {
      RC_ASSERT(work->retry_later({position}, work.now));
      return;
    }
    RC_ASSERT(work->finish({position}));
    finished[work.stream_of(position)].push_back(position);
  };
  const auto deliver = [&] {
    const auto position = work.deliver();
    if (position != 0) open.push_back(position);
    return position != 0;
  };
  for (int step = 0; step < 400; ++step) {
    switch (random.below(8)) {
      case 0:
        work.append("s" + std::to_string(random.below(6)));
        break;
      case 1:
        work.read(1 + random.below(20));
        break;
      case 2:
      case 3:
        deliver();
        break;
      case 4:
      case 5:
        if (!open.empty()) answer(random.below(open.size()), random.chance(2, 3));
        break;
      case 6:
        work.now += milliseconds(random.below(30));
        break;
      default:
        random.chance(1, 2) ? give(random.below(1025)) : take(random.below(101));
    }
  }
  take(100);
  for (bool goes_on = true; goes_on;) {
    work->keep(ConsumerGroups::kBuckets);
    work.now += std::chrono::seconds(1);
    goes_on = work.read(10);
    goes_on |= deliver();
    goes_on |= !open.empty();
    while (!open.empty()) answer(0, true);
  }
  std::map<std::string, std::vector<std::uint64_t>> appended;
  for (std::uint64_t at = 1; at <= work.head(); ++at) appended[work.stream_of(at)].push_back(at);
  RC_ASSERT(finished == appended);
  RC_ASSERT(work->lowest() == GlobalPosition{work.head()});
}

}  // namespace
}  // namespace eventstore::subscription
