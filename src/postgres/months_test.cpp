#include "postgres/months.hpp"

#include <gtest/gtest.h>

namespace eventstore::postgres {
namespace {

TEST(Month, IsThatOfATimeInUtc) {
  EXPECT_EQ(Month::of(*parse_timestamp("2026-11-30T23:59:59.999999Z")), Month{202611});
  EXPECT_EQ(Month::of(*parse_timestamp("2026-12-01T00:00:00Z")), Month{202612});
  EXPECT_EQ(Month::of(*parse_timestamp("2026-12-01T00:30:00+01:00")), Month{202611});
}

TEST(Month, IsFollowedByTheNext) {
  EXPECT_EQ(Month{202611}.next(), Month{202612});
  EXPECT_EQ(Month{202612}.next(), Month{202701});
}

TEST(Month, BeginsAtMidnight) {
  EXPECT_EQ(format_timestamp(Month{202611}.begin()), "2026-11-01T00:00:00.000000Z");
}

TEST(Month, IsWrittenAndRead) {
  EXPECT_EQ(Month{202603}.to_string(), "2026-03");
  EXPECT_EQ(Month{202603}.suffix(), "2026_03");
  EXPECT_EQ(Month::parse("2026-03"), Month{202603});
  for (const char* text : {"", "2026", "2026-13", "2026-3", "2026-03-01", "26-03", "2026-03T"}) {
    EXPECT_EQ(Month::parse(text), std::nullopt) << text;
  }
}

TEST(MonthList, FindsTheMonthOfAPosition) {
  const MonthList list{{{.month = {202601}, .first_position = {1}, .suffix = "2026_01"},
                        {.month = {202603}, .first_position = {10}, .suffix = "2026_03"}}};
  EXPECT_EQ(list.ordinal_of({1}), 0U);
  EXPECT_EQ(list.ordinal_of({9}), 0U);
  EXPECT_EQ(list.ordinal_of({10}), 1U);
  EXPECT_EQ(list.ordinal_of({1000}), 1U);
  EXPECT_EQ(list.find({202602}), nullptr);
  EXPECT_EQ(list.find({202603})->suffix, "2026_03");
  EXPECT_EQ(list.last(), Month{202603});
  EXPECT_EQ(MonthList{}.last(), Month{});
}

}  // namespace
}  // namespace eventstore::postgres
