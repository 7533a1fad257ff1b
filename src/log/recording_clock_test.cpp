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

// A wall clock to set, and what the operator is told.
class RecordingClockTest : public testing::Test {
 protected:
  RecordingClock recording(Timestamp last = {}) { return {clock_, last, settings_}; }

  void step_wall(std::chrono::microseconds by) { clock_.set_wall(clock_.wall_now() + by); }

  SimulatedClock clock_{{.tick = std::chrono::microseconds(0)}};
  std::vector<std::string> notices_;
  LogSettings settings_{.folder = {}, .on_notice = [this](const Notice& notice) {
                          notices_.push_back(notice.message);
                        }};
};

TEST_F(RecordingClockTest, FollowsTheWallClock) {
  auto recording = this->recording();
  clock_.advance(seconds(5));
  EXPECT_EQ(recording.now(), clock_.wall_now());
  step_wall(minutes(30));
  EXPECT_EQ(recording.now(), clock_.wall_now());
  EXPECT_TRUE(notices_.empty());
}

TEST_F(RecordingClockTest, StandsStillWhereTheWallClockGoesBackALittle) {
  auto recording = this->recording();
  const auto before = recording.now();
  step_wall(-minutes(30));
  EXPECT_EQ(recording.now(), before);
  step_wall(minutes(31));
  EXPECT_EQ(recording.now(), before + minutes(1));
}

TEST_F(RecordingClockTest, NeverFallsBehindTheNewestEvent) {
  const auto newest = clock_.wall_now() + minutes(30);
  auto recording = this->recording(newest);
  EXPECT_EQ(recording.now(), newest);
  clock_.advance(minutes(31));
  EXPECT_EQ(recording.now(), newest + minutes(1));
}

TEST_F(RecordingClockTest, ReportsALeapAndGoesOnWithTheMonotonicClock) {
  for (const auto leap : {hours(2), -hours(2)}) {
    notices_.clear();
    auto recording = this->recording();
    const auto before = recording.now();
    step_wall(leap);
    clock_.advance(seconds(1));
    EXPECT_EQ(recording.now(), before + seconds(1));
    clock_.advance(seconds(1));
    EXPECT_EQ(recording.now(), before + seconds(2));
    EXPECT_EQ(notices_.size(), 1U);
  }
}

TEST_F(RecordingClockTest, FollowsTheWallClockAgainOnceALeapIsUndone) {
  auto recording = this->recording();
  const auto before = recording.now();
  step_wall(hours(2));
  recording.now();
  step_wall(-hours(2) + minutes(1));
  EXPECT_EQ(recording.now(), before + minutes(1));
}

TEST_F(RecordingClockTest, ReportsEveryLeap) {
  auto recording = this->recording(clock_.wall_now() + hours(2));  // which is reported too
  for (std::size_t leaps = 1; leaps <= 3; ++leaps) {
    step_wall(hours(2));
    recording.now();
    recording.now();
    EXPECT_EQ(notices_.size(), leaps + 1);
    step_wall(-hours(2));
    recording.now();
  }
}

TEST_F(RecordingClockTest, ReportsThatTheNewestEventIsFarAhead) {
  const auto newest = clock_.wall_now() + hours(2);
  auto recording = this->recording(newest);
  EXPECT_EQ(notices_.size(), 1U);
  EXPECT_EQ(recording.now(), newest);
}

}  // namespace
}  // namespace eventstore::log
