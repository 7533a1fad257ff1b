#include "core/pause.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "core/seeded_random.hpp"

namespace eventstore {
namespace {

using std::chrono::milliseconds;

TEST(Pause, DoublesWithEachAttemptUpToTheLongest) {
  SeededRandom random(1);
  for (int n = 0; n < 1000; ++n) {
    for (const auto& [attempts, whole] : {std::pair{1U, 100}, {2U, 200}, {3U, 400}, {4U, 500}}) {
      const auto pause = pause_after(random, attempts, milliseconds(100), milliseconds(500));
      EXPECT_GE(pause, milliseconds(whole / 2));
      EXPECT_LE(pause, milliseconds(whole));
    }
  }
}

TEST(Pause, TakesAnyLengths) {
  SeededRandom random(1);
  const auto year = std::chrono::duration_cast<milliseconds>(std::chrono::years(1));
  EXPECT_LE(pause_after(random, UINT32_MAX, year, year), year);
  EXPECT_GE(pause_after(random, UINT32_MAX, milliseconds(1), year), std::chrono::days(6));
  EXPECT_EQ(pause_after(random, 0, milliseconds(0), milliseconds(0)), milliseconds(0));
}

TEST(Pause, EndsWhereItIsAskedTo) {
  std::stop_source source;
  EXPECT_TRUE(wait_out(milliseconds(0), source.get_token()));
  source.request_stop();
  EXPECT_FALSE(wait_out(std::chrono::hours(1), source.get_token()));
}

}  // namespace
}  // namespace eventstore
