#include "eventstore/time.hpp"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/time_range.hpp"

namespace eventstore {
namespace {

std::string reformatted(std::string_view text) {
  const auto time = parse_timestamp(text);
  return time ? format_timestamp(*time) : "refused";
}

TEST(Timestamp, IsWrittenInUtcWithSixDigits) {
  EXPECT_EQ(format_timestamp(Timestamp{}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(format_timestamp(Timestamp{std::chrono::microseconds(-1)}),
            "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_timestamp(kTimestampMin), "0000-01-01T00:00:00.000000Z");
  EXPECT_EQ(format_timestamp(kTimestampMax), "9999-12-31T23:59:59.999999Z");
}

TEST(Timestamp, IsWrittenAlsoPastTheYear9999) {
  EXPECT_EQ(format_timestamp(kTimestampMax + std::chrono::microseconds(1)),
            "010000-01-01T00:00:00.000000Z");
  EXPECT_EQ(format_timestamp(kTimestampMin - std::chrono::microseconds(1)),
            "-0001-12-31T23:59:59.999999Z");
  EXPECT_FALSE(format_timestamp(Timestamp::min()).empty());
  EXPECT_FALSE(format_timestamp(Timestamp::max()).empty());
}

RC_GTEST_PROP(Timestamp, IsReadAsItWasWritten, ()) {
  const Timestamp time{std::chrono::microseconds(*rc::gen::inRange(
      kTimestampMin.time_since_epoch().count(), kTimestampMax.time_since_epoch().count()))};
  RC_ASSERT(parse_timestamp(format_timestamp(time)) == time);
}

TEST(Timestamp, IsReadWithAnyOffset) {
  EXPECT_EQ(reformatted("2010-10-02T07:20:39Z"), "2010-10-02T07:20:39.000000Z");
  EXPECT_EQ(reformatted("2010-10-02t07:20:39z"), "2010-10-02T07:20:39.000000Z");
  EXPECT_EQ(reformatted("2010-10-02T07:20:39+02:00"), "2010-10-02T05:20:39.000000Z");
  EXPECT_EQ(reformatted("2010-10-02T07:20:39-23:59"), "2010-10-03T07:19:39.000000Z");
  EXPECT_EQ(reformatted("2010-10-02T07:20:39-00:00"), "2010-10-02T07:20:39.000000Z");
}

TEST(Timestamp, LosesWhatIsFinerThanAMicrosecond) {
  EXPECT_EQ(reformatted("2010-10-02T07:20:39.2Z"), "2010-10-02T07:20:39.200000Z");
  EXPECT_EQ(reformatted("2010-10-02T07:20:39.123456Z"), "2010-10-02T07:20:39.123456Z");
  EXPECT_EQ(reformatted("1969-12-31T23:59:59.123456999Z"), "1969-12-31T23:59:59.123456Z");
}

TEST(Timestamp, KnowsTheCalendar) {
  EXPECT_EQ(reformatted("2000-02-29T00:00:00Z"), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(reformatted("0000-02-29T00:00:00Z"), "0000-02-29T00:00:00.000000Z");
  for (const char* text :
       {"1900-02-29T00:00:00Z", "2010-04-31T00:00:00Z", "2010-00-01T00:00:00Z",
        "2010-13-01T00:00:00Z", "2010-01-00T00:00:00Z", "2010-01-32T00:00:00Z"}) {
    EXPECT_FALSE(parse_timestamp(text)) << text;
  }
}

TEST(Timestamp, ReadsALeapSecondWhereOneCanBe) {
  EXPECT_EQ(reformatted("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00.000000Z");
  EXPECT_EQ(reformatted("2016-12-31T15:59:60.5-08:00"), "2017-01-01T00:00:00.500000Z");
  EXPECT_FALSE(parse_timestamp("2016-12-31T22:59:60Z"));
  EXPECT_FALSE(parse_timestamp("2016-12-31T23:59:61Z"));
}

TEST(Timestamp, RefusesYearsThatItCouldNotWrite) {
  EXPECT_FALSE(parse_timestamp("0000-01-01T00:00:00+00:01"));
  EXPECT_FALSE(parse_timestamp("9999-12-31T23:59:59-00:01"));
  EXPECT_FALSE(parse_timestamp("9999-12-31T23:59:60Z"));
}

TEST(Timestamp, RefusesWhatIsNotRfc3339) {
  for (const char* text : {"",
                           "2010-10-02",
                           "2010-10-02T07:20:39",
                           "2010-10-02 07:20:39Z",
                           "2010-10-02T07:20Z",
                           "2010-10-02T07:20:39.Z",
                           "2010-10-02T07:20:39.1234567890Z",
                           "2010-10-02T07:20:39Z ",
                           " 2010-10-02T07:20:39Z",
                           "2010-10-02T24:00:00Z",
                           "2010-10-02T07:60:00Z",
                           "2010-10-02T07:20:39+24:00",
                           "2010-10-02T07:20:39+02:60",
                           "2010-10-02T07:20:39+0200",
                           "2010-10-02T07:20:39+02",
                           "20101002T072039Z",
                           "+2010-10-02T07:20:39Z",
                           "-010-10-02T07:20:39Z",
                           "2010-1-02T07:20:39Z",
                           "2010-10-02T07:20:39,5Z",
                           "2010-10-02T07:20:39ZZ"}) {
    EXPECT_FALSE(parse_timestamp(text)) << text;
  }
}

}  // namespace
}  // namespace eventstore
