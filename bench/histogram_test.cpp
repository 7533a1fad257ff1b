#include "histogram.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace eventstore::bench {
namespace {

using std::chrono::nanoseconds;

TEST(Histogram, HasNoPercentilesWhenEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.percentile(0.5), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds(0));
}

TEST(Histogram, IsExactForShortTimes) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.record(nanoseconds(i));
  EXPECT_EQ(histogram.percentile(0), nanoseconds(1));
  EXPECT_EQ(histogram.percentile(0.5), nanoseconds(50));
  EXPECT_EQ(histogram.percentile(0.99), nanoseconds(99));
  EXPECT_EQ(histogram.percentile(1), nanoseconds(100));
}

TEST(Histogram, TakesTheLongestTimeThereIs) {
  constexpr nanoseconds kLongest(std::numeric_limits<std::int64_t>::max());
  Histogram histogram;
  histogram.record(kLongest);
  histogram.record(nanoseconds(-1));  // a clock that went backwards: no time at all
  EXPECT_EQ(histogram.percentile(0.5), nanoseconds(0));
  EXPECT_EQ(histogram.percentile(1), kLongest);
}

std::vector<std::int64_t> times_of_all_sizes() {
  const auto time = rc::gen::map(rc::gen::pair(rc::gen::inRange(0, 62), rc::gen::inRange(0, 1000)),
                                 [](auto pair) {
                                   const auto power = std::int64_t{1} << pair.first;
                                   return power + power / 1000 * pair.second;
                                 });
  return *rc::gen::nonEmpty(rc::gen::container<std::vector<std::int64_t>>(time));
}

RC_GTEST_PROP(Histogram, ItsPercentilesAreLessThanOnePercentTooHigh, ()) {
  auto times = times_of_all_sizes();
  Histogram histogram;
  for (const auto time : times) histogram.record(nanoseconds(time));
  std::ranges::sort(times);
  for (const double fraction : {0.0, 0.1, 0.5, 0.9, 0.99, 1.0}) {
    const auto rank = std::max(std::ceil(fraction * static_cast<double>(times.size())), 1.0);
    const auto exact = times[static_cast<std::size_t>(rank) - 1];
    const auto found = histogram.percentile(fraction).count();
    RC_ASSERT(found >= exact);
    RC_ASSERT(found - exact <= exact / 100);
  }
}

RC_GTEST_PROP(Histogram, PutTogetherIsAsIfRecordedInOne, ()) {
  const auto first = times_of_all_sizes();
  const auto second = times_of_all_sizes();
  Histogram one;
  Histogram together;
  Histogram other;
  for (const auto time : first) {
    one.record(nanoseconds(time));
    together.record(nanoseconds(time));
  }
  for (const auto time : second) {
    one.record(nanoseconds(time));
    other.record(nanoseconds(time));
  }
  together.add(other);
  RC_ASSERT(together.count() == one.count());
  RC_ASSERT(together.max() == one.max());
  for (const double fraction : {0.0, 0.3, 0.5, 0.99, 1.0}) {
    RC_ASSERT(together.percentile(fraction) == one.percentile(fraction));
  }
}

}  // namespace
}  // namespace eventstore::bench
