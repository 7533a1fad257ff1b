#include "log/recording_clock.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/simulated_clock.hpp"

namespace eventstore::log {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class RecordingClockTest : public testing::Test {
 protected:
  RecordingClockTest() {
    settings_.on_notice = [this](const Notice& notice) { notices_.push_back(notice.message); };
  }

  Timestamp wall() { return clock_.wall_now(); }

  SimulatedClock clock_;
  LogSettings settings_;
  std::vector<std::string> notices_;
};

TEST_F(RecordingClockTest, FollowsTheWallClock) {
  RecordingClock recording(clock_, {}, settings_);
  EXPECT_GE(recording.now(), wall() - seconds(1));
  clock_.set_wall(wall() + minutes(50));
  EXPECT_GE(recording.now(), wall() - seconds(1));
  clock_.set_wall(wall() + minutes(50));
  EXPECT_GE(recording.now(), wall() - seconds(1));
  EXPECT_TRUE(notices_.empty());
}

TEST_F(RecordingClockTest, NeverGoesBack) {
  RecordingClock recording(clock_, {}, settings_);
  const auto before = recording.now();
  clock_.set_wall(before - minutes(30));
  EXPECT_EQ(recording.now(), before);
  clock_.advance(minutes(31));
  EXPECT_GT(recording.now(), before);
  EXPECT_TRUE(notices_.empty());
}

TEST_F(RecordingClockTest, StartsAfterTheNewestEvent) {
  const auto newest = wall() + minutes(10);
  EXPECT_EQ(RecordingClock(clock_, newest, settings_).now(), newest);
  EXPECT_TRUE(notices_.empty());
  const auto far = wall() + hours(3);
  EXPECT_EQ(RecordingClock(clock_, far, settings_).now(), far);
  EXPECT_EQ(notices_.size(), 1U);
}

TEST_F(RecordingClockTest, DoesNotFollowALeapInEitherDirectionAndReportsIt) {
  for (const auto leap : {hours(2), hours(-2)}) {
    notices_.clear();
    RecordingClock recording(clock_, {}, settings_);
    const auto before = recording.now();
    clock_.set_wall(before + leap);
    clock_.advance(minutes(5));
    for (int i = 0; i < 3; ++i) {
      EXPECT_GE(recording.now(), before + minutes(5));
      EXPECT_LE(recording.now(), before + minutes(6));
    }
    EXPECT_EQ(notices_.size(), 1U);
    clock_.set_wall(wall() - leap);
  }
}

}  // namespace
}  // namespace eventstore::log
