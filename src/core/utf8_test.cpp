#include "core/utf8.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace eventstore {
namespace {

// Bytes at the borders of what may come third or fourth.
constexpr std::array<unsigned, 7> kBorders = {0x00, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xff};

bool is_all_sequences(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_sequence_bytes(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string bytes(std::initializer_list<unsigned> values) {
  std::string text;
  for (const unsigned value : values) text.push_back(static_cast<char>(value));
  return text;
}

TEST(IsUtf8, KnowsTheEdges) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80"));
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

// is_utf8() asks simdjson; both must agree on whatever the first two bytes are.
TEST(Utf8SequenceBytes, AgreesWithTheLibraryOnThreeBytes) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned third : kBorders) {
        const auto text = bytes({first, second, third});
        ASSERT_EQ(is_all_sequences(text), is_utf8(text)) << first << ' ' << second << ' ' << third;
      }
    }
  }
}

TEST(Utf8SequenceBytes, AgreesWithTheLibraryOnFourBytes) {
  for (unsigned first = 0xef; first <= 0xf5; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned third : kBorders) {
        for (const unsigned fourth : kBorders) {
          const auto text = bytes({first, second, third, fourth});
          ASSERT_EQ(is_all_sequences(text), is_utf8(text))
              << first << ' ' << second << ' ' << third << ' ' << fourth;
        }
      }
    }
  }
}

TEST(Utf8, MakesAnyTextStorable) {
  EXPECT_EQ(storable_text("Gr\xc3\xbc\xc3\x9f", 100), "Gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(storable_text(std::string_view("a\0b\xff", 4), 100), "a?b?");
  EXPECT_EQ(storable_text("\xed\xa0\x80", 100), "???");
  // A sequence that has no room is left out, not cut.
  EXPECT_EQ(storable_text("ab\xc3\xbc", 3), "ab");
  EXPECT_EQ(storable_text("ab\xc3\xbc", 4), "ab\xc3\xbc");
  EXPECT_EQ(storable_text("abc", 0), "");
}

}  // namespace
}  // namespace eventstore
