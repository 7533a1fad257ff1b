#include "core/refusal.hpp"

#include <string>

#include <gtest/gtest.h>

#include "eventstore/validate.hpp"

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

// is_utf8() asks the library; both must agree on every sequence of up to three bytes.
TEST(Utf8SequenceBytes, AgreesWithTheLibrary) {
  std::string text(3, '\0');
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned third : {0x00U, 0x41U, 0x7fU, 0x80U, 0xbfU, 0xc0U, 0xffU}) {
        text = {static_cast<char>(first), static_cast<char>(second), static_cast<char>(third)};
        std::size_t at = 0;
        while (at < text.size()) {
          const auto length = utf8_sequence_bytes(std::string_view(text).substr(at));
          if (length == 0) break;
          at += length;
        }
        ASSERT_EQ(at == text.size(), is_utf8(text)) << first << ' ' << second << ' ' << third;
      }
    }
  }
}

}  // namespace
}  // namespace eventstore
