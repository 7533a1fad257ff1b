#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "log/scavenge_test_support.hpp"

// What is deleted, and what grows too old, while a scavenge is under way.
namespace eventstore::log {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::read_everything;
using test::value_of;

Numbers versions_in_all(EventStore& store, std::string_view stream) {
  Numbers versions;
  for (const auto& event : read_everything(store)) {
    if (event.stream == stream) versions.push_back(event.version.value);
  }
  return versions;
}

bool is_dense(const Numbers& versions) {
  for (std::size_t i = 1; i < versions.size(); ++i) {
    if (versions[i] != versions[i - 1] + 1) return false;
  }
  return true;
}

class RetentionMeanwhile : public ScavengeTest {
 protected:
  void scavenge_while_appending(ScavengeOptions options) {
    fill(*store_, 30);
    value_of(store_->set_retention("a", {.max_count = 10}, ExpectedVersion::any()));
    append_large(*store_, "b", 20);
    bool appended = false;
    options.on_progress = [&](const ScavengeProgress& progress) {
      if (appended || progress.position.value < 50) return;
      appended = true;
      append_large(*store_, "a", 10);
    };
    scavenge(options);
    ASSERT_TRUE(appended);
  }
};

TEST_F(RetentionMeanwhile, AnotherScavengeIsTurnedAway) {
  fill(*store_, 30);
  truncate("a", 20);
  upkeep();
  bool asked = false;
  auto options = kForgetIds;
  options.on_progress = [&](const ScavengeProgress&) {
    asked = true;
    EXPECT_EQ(test::code_of(store_->scavenge(kForgetIds)), ErrorCode::Overloaded);
  };
  EXPECT_GT(scavenge(options).segments_rewritten, 0U);
  EXPECT_TRUE(asked);
  EXPECT_TRUE(store_->scavenge(kForgetIds));
}

TEST_F(RetentionMeanwhile, ACountThatGrowsMeanwhileLeavesNoGapInAStream) {
  scavenge_while_appending(kForgetIds);
  const auto versions = versions_in_all(*store_, "a");
  EXPECT_TRUE(is_dense(versions)) << testing::PrintToString(versions);
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
}

TEST_F(RetentionMeanwhile, ACountThatGrowsMeanwhileAndIsRelaxedThenCountsRight) {
  scavenge_while_appending(kForgetIds);
  value_of(store_->set_retention("a", {.max_count = 100}, ExpectedVersion::any()));
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
}

TEST_F(RetentionMeanwhile, ACountThatGrowsMeanwhileCountsRightInMergedRuns) {
  scavenge_while_appending(kForgetIds);
  append_large(*store_, "b", 60);
  upkeep();
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
  expect_whole();
}

TEST_F(RetentionMeanwhile, ACountThatGrowsMeanwhileCountsRightWithHusks) {
  scavenge_while_appending({.id_retention = hours(24)});
  append_large(*store_, "b", 60);
  upkeep();
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
  expect_whole();
  reopen();
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
  expect_whole();
}

TEST_F(RetentionMeanwhile, AnAgeThatGoesOnMeanwhileLeavesNoGapInAStream) {
  for (int i = 0; i < 60; ++i) {
    append_large(*store_, i % 2 == 0 ? "a" : "b", 1);
    machine_.clock().advance(seconds(1));
  }
  value_of(store_->set_retention("a", {.max_age = seconds(20)}, ExpectedVersion::any()));
  append_large(*store_, "b", 20);
  bool advanced = false;
  auto options = kForgetIds;
  options.on_progress = [&](const ScavengeProgress& progress) {
    if (advanced || progress.position.value < 49) return;
    advanced = true;
    machine_.clock().advance(seconds(15));
  };
  scavenge(options);
  ASSERT_TRUE(advanced);
  const auto versions = versions_in_all(*store_, "a");
  EXPECT_TRUE(is_dense(versions)) << testing::PrintToString(versions);
  value_of(store_->set_retention("a", {.max_age = seconds(2000)}, ExpectedVersion::any()));
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
}

// What is truncated while a scavenge is under way.
class TruncationMeanwhile : public ScavengeTest {
 protected:
  void scavenge_and_meanwhile(const std::function<void()>& meanwhile) {
    fill(*store_, 30);
    truncate("a", 21);
    append_large(*store_, "b", 20);
    bool done = false;
    auto options = kForgetIds;
    options.on_progress = [&](const ScavengeProgress& progress) {
      if (progress.position.value >= 50 && !std::exchange(done, true)) meanwhile();
    };
    scavenge(options);
    ASSERT_TRUE(done);
  }
};

TEST_F(TruncationMeanwhile, MeanwhileCountsRight) {
  scavenge_and_meanwhile([&] { truncate("a", 30); });
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
}

TEST_F(TruncationMeanwhile, MeanwhileLeavesAWholeIndex) {
  scavenge_and_meanwhile([&] { truncate("a", 30); });
  append_large(*store_, "b", 60);
  upkeep();
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
  expect_whole();
}

TEST_F(TruncationMeanwhile, OfAllMeanwhileCountsRight) {
  scavenge_and_meanwhile([&] { value_of(store_->delete_stream("a", ExpectedVersion::any())); });
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
  append_large(*store_, "b", 60);
  upkeep();
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
  expect_whole();
}

TEST_F(TruncationMeanwhile, OfAllMeanwhileDoesNotCountBelowZero) {
  append_large(*store_, "a", 100);
  truncate("a", 51);
  append_large(*store_, "b", 8);
  bool done = false;
  auto options = kForgetIds;
  options.on_progress = [&](const ScavengeProgress& progress) {
    if (progress.position.value < 54 || std::exchange(done, true)) return;
    value_of(store_->delete_stream("a", ExpectedVersion::any()));
  };
  scavenge(options);
  ASSERT_TRUE(done);
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
}

// The background check removes good posting files and reports damage.
TEST_F(TruncationMeanwhile, MeanwhileAlarmsNoBackgroundCheck) {
  scavenge_and_meanwhile([&] { truncate("a", 30); });
  append_large(*store_, "b", 60);
  upkeep();
  for (int i = 0; i < 1000 && store_->scrub_step(1 << 20) > 0; ++i) {
  }
  for (const auto& finding : store_->health().scrub.findings) ADD_FAILURE() << finding.message;
  // Made again, it is no better.
  reopen();
  upkeep();
  machine_.clock().advance(hours(24 * 60));
  for (int i = 0; i < 1000 && store_->scrub_step(1 << 20) > 0; ++i) {
  }
  for (const auto& finding : store_->health().scrub.findings) ADD_FAILURE() << finding.message;
}

}  // namespace
}  // namespace eventstore::log
