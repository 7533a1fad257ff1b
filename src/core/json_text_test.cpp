#include "core/json_text.hpp"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/event_generators_test_support.hpp"
#include "eventstore/text.hpp"

namespace eventstore {
namespace {

std::string nested(std::size_t depth, const std::string& innermost) {
  return std::string(depth, '[') + innermost + std::string(depth, ']');
}

TEST(JsonText, AcceptsOneValueOfAnyKind) {
  for (const char* text : {"null", "true", "false", "0", "-0", "1.5e-3", "\"\"", "[]", "{}", " {} ",
                           "\t\r\n[1,\n2]\n", "{\"a\":{\"b\":[]},\"a\":1}", "\"\\u0000\\\"\\/\""}) {
    EXPECT_TRUE(is_json(text)) << text;
  }
}

TEST(JsonText, AcceptsNumbersOfAnySize) {
  for (const char* text : {"1e999", "-1E+999", "1e-999", "[1e400]", "{\"a\":1e400}",
                           "18446744073709551616", "-9223372036854775809",
                           "123456789012345678901234567890", "0.1e400 ", "[1e999,\"1e999x\"]"}) {
    EXPECT_TRUE(is_json(text)) << text;
  }
}

TEST(JsonText, AcceptsUnpairedSurrogateEscapes) {
  for (const char* text : {R"("\ud800")", R"("\uDFFF")", R"("\udc00\ud800x")",
                           R"({"\ud83d":"\\ud83d"})", R"("\ud83d\ude00")", R"("\ud800\u0041")"}) {
    EXPECT_TRUE(is_json(text)) << text;
  }
}

TEST(JsonText, RefusesWhatIsNoJson) {
  for (const char* text :
       {"tru",      "nul",        "nullx",         "01",      "-",         "-01",      "1.",
        ".5",       "1e",         "1e+",           "+1",      "0x10",      "NaN",      "Infinity",
        "\"a",      "a\"",        "'a'",           "\"\\x\"", "\"\\u12\"", "\"\x01\"", "\"\n\"",
        "[",        "]",          "[1,]",          "[,1]",    "[1 2]",     "[1}",      "{\"a\"}",
        "{\"a\":}", "{\"a\":1,}", "{a:1}",         "{1:2}",   "{\"a\":1]", "{}{}",     "{} x",
        "1 2",      "// x\n1",    "\xef\xbb\xbf{}"}) {
    EXPECT_EQ(check_json(text), JsonFault::Syntax) << text;
  }
}

// Beside a number or an escape that needs a second look.
TEST(JsonText, RefusesWhatIsNoJsonAlsoAtTheSecondLook) {
  for (const char* text : {"1e999x",           "1e999 1",       "[1e999 1]",
                           "--1e999",          "[1e999,--1]",   "[1e999,-+1]",
                           "[1e999,-]",        "[1e999,01]",    "[1e999,1.]",
                           "[1e999,.5]",       "[1e999,1e]",    "1e999e",
                           "1e999.5",          "1e999-1",       "[1e999,tru1]",
                           "{1e999:2}",        "[1e999,1.5.3]", "\"\\ud800",
                           "\"\\ud80\"",       "\"\\ud80g\"",   "[\"\\ud800\",\"\\x\"]",
                           "\"\\ud800\"1e999", "[1e999",        "[1e999,\"\\\"]"}) {
    EXPECT_EQ(check_json(text), JsonFault::Syntax) << text;
  }
}

TEST(JsonText, RefusesWhatIsNotThere) {
  EXPECT_EQ(check_json(""), JsonFault::Empty);
  EXPECT_EQ(check_json(" \t\r\n"), JsonFault::Empty);
}

TEST(JsonText, RefusesZeroBytes) {
  EXPECT_FALSE(is_json(std::string_view("{}\0", 3)));
  EXPECT_FALSE(is_json(std::string_view("\0{}", 3)));
  EXPECT_FALSE(is_json(std::string_view("\"\0\"", 3)));
}

TEST(JsonText, RefusesWhatIsNotUtf8) {
  for (const char* text : {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                           "\"\xc3\"", "[1e999,\"\xff\"]"}) {
    EXPECT_EQ(check_json(text), JsonFault::NotUtf8) << text;
  }
}

TEST(JsonText, RefusesWhatIsNestedTooDeep) {
  EXPECT_EQ(check_json(nested(kJsonDepthMax, "1")), JsonFault::None);
  EXPECT_EQ(check_json(nested(kJsonDepthMax, "[]")), JsonFault::None);
  EXPECT_EQ(check_json(nested(kJsonDepthMax + 1, "1")), JsonFault::TooDeep);
  EXPECT_EQ(check_json(nested(kJsonDepthMax, "1e999")), JsonFault::None);
  EXPECT_EQ(check_json(nested(kJsonDepthMax + 1, "1e999")), JsonFault::TooDeep);
  EXPECT_EQ(check_json(nested(1000000, "1")), JsonFault::TooDeep);
}

TEST(JsonText, ChecksTextsOfAnySize) {
  const std::string large =
      "[" + std::string(3 << 20, ' ') + "\"" + std::string(3 << 20, 'x') + "\"]";
  EXPECT_TRUE(is_json(large));
  EXPECT_FALSE(is_json(large + "]"));
  EXPECT_TRUE(is_json("1"));
}

RC_GTEST_PROP(JsonText, AcceptsWhateverIsBuiltByTheRules, ()) {
  const auto text = *any_json_text();
  RC_ASSERT(check_json(text) == JsonFault::None);
}

RC_GTEST_PROP(JsonText, EscapesAnyUtf8, ()) {
  const std::string text = "\"\\\n\x1f\x7f" + *any_name();
  std::string json;
  append_json_string(json, text);
  RC_ASSERT(is_json(json));
  RC_ASSERT(json.starts_with(R"("\"\\\n\u001f)"));
}

}  // namespace
}  // namespace eventstore
