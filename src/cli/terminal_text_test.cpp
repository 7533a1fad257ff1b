#include "cli/terminal_text.hpp"

#include <gtest/gtest.h>

namespace eventstore::cli {
namespace {

TEST(TerminalText, KeepsPrintableText) {
  EXPECT_EQ(escape_for_terminal("Zürich, 東京, 🏠"), "Zürich, 東京, 🏠");
}

TEST(TerminalText, SpellsOutControls) {
  EXPECT_EQ(escape_for_terminal("a\tb\r\n\x1b[2J\x7f"), "a\\tb\\r\\n\\x1b[2J\\x7f");
  EXPECT_EQ(escape_for_terminal("\xc2\x9b"
                                "31m"),
            "\\u009b31m");
  EXPECT_EQ(escape_for_terminal("\xe2\x80\xae"), "\\u202e");  // right-to-left override
}

TEST(TerminalText, SpellsOutBytesThatAreNoUtf8) {
  EXPECT_EQ(escape_for_terminal("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(escape_for_terminal("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(escape_for_terminal("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(escape_for_terminal("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(TerminalText, KeepsJsonTheSameValue) {
  EXPECT_EQ(escape_json_for_terminal("{\t\"a\":\"\x7f\xc2\x9b\"}"), "{ \"a\":\"\\u007f\\u009b\"}");
  EXPECT_EQ(escape_json_for_terminal("{\n  \"a\": \"\\n\"\r\n}"), "{\n  \"a\": \"\\n\" \n}");
}

TEST(TerminalText, CutsByColumns) {
  EXPECT_EQ(cut_to_columns("äöü", 3), "äöü");
  EXPECT_EQ(cut_to_columns("äöüß", 3), "äö…");
  EXPECT_EQ(columns_of("äöü"), 3U);
}

}  // namespace
}  // namespace eventstore::cli
