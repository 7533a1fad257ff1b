#include "core/refusal.hpp"

#include <string>

#include <gtest/gtest.h>

#include "core/utf8.hpp"

namespace eventstore {
namespace {

TEST(InQuotes, EscapesWhatATerminalShouldNotSee) {
  EXPECT_EQ(in_quotes("plain"), "\"plain\"");
  EXPECT_EQ(in_quotes("a\"b\\"), "\"a\\\"b\\\\\"");
  EXPECT_EQ(in_quotes("\x1b[31m\n\x7f"), "\"\\u001b[31m\\u000a\\u007f\"");
  EXPECT_EQ(in_quotes("\xc2\x9b\xc3\xa9"), "\"\\u009b\xc3\xa9\"");
  EXPECT_EQ(in_quotes("a\xff\xc3"), "\"a\\xff\\xc3\"");
}

TEST(InQuotes, CutsOffBetweenCharacters) {
  std::string text;
  while (text.size() < 100) text += "\xf0\x9f\x98\x80";
  text.insert(0, "abc");
  const auto shown = in_quotes(text);
  EXPECT_TRUE(is_utf8(shown));
  EXPECT_TRUE(shown.ends_with("...\""));
  EXPECT_LT(shown.size(), 75U);
}

TEST(LimitExceeded, SaysHowMuchAndNamesTheLimit) {
  const Error error =
      limit_exceeded("data", {.limit = "event_bytes_max", .actual = 9, .allowed = 8}).error();
  EXPECT_EQ(error.code, ErrorCode::LimitExceeded);
  EXPECT_EQ(error.message, "data has 9 bytes, more than the 8 allowed");
  const auto& details = std::get<LimitDetails>(error.details);
  EXPECT_EQ(details.limit, "event_bytes_max");
  EXPECT_EQ(details.actual, 9U);
  EXPECT_EQ(details.allowed, 8U);
}

}  // namespace
}  // namespace eventstore
