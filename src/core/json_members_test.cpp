#include "core/json_members.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/event_generators_test_support.hpp"
#include "core/json_text.hpp"
#include "eventstore/text.hpp"

namespace eventstore {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

Result<Members> members_of(std::string_view text) {
  JsonMembers members(text);
  Members all;
  while (true) {
    const auto member = members.next();
    if (!member) return std::unexpected(member.error());
    if (!*member) return all;
    all.emplace_back((*member)->name, (*member)->raw);
  }
}

TEST(JsonMembers, GivesValuesAsTheyStand) {
  const auto members = members_of(
      " {\"a\" : 1.0 ,\t\"b\":{ \"c\":[1, 2] } , \"d\":\"\\\"}\\\\\",\"e\":[\"]\",{}] ,\"f\":nul} "
      "\n");
  ASSERT_TRUE(members);
  EXPECT_EQ(*members, (Members{{"a", "1.0"},
                               {"b", "{ \"c\":[1, 2] }"},
                               {"d", "\"\\\"}\\\\\""},
                               {"e", "[\"]\",{}]"},
                               {"f", "nul"}}));
}

TEST(JsonMembers, ReadsEscapedNames) {
  const auto members = members_of(R"({"\u0061\n":1,"":2})");
  ASSERT_TRUE(members);
  EXPECT_EQ(*members, (Members{{"a\n", "1"}, {"", "2"}}));
}

TEST(JsonMembers, KnowsTheEmptyObject) {
  EXPECT_EQ(members_of("{}").value(), Members{});
  EXPECT_EQ(members_of(" { } ").value(), Members{});
}

TEST(JsonMembers, SaysWhereAnObjectBreaksOff) {
  const auto message = [](std::string_view text) {
    const auto members = members_of(text);
    return members ? "accepted" : members.error().message;
  };
  EXPECT_EQ(message("{\"a\":1,}"),
            "line \"{\\\"a\\\":1,}\" is not one JSON object: expected a name in quotes at byte 7");
  for (const char* text : {"",
                           " ",
                           "[]",
                           "1",
                           "null",
                           "{",
                           "{\"a",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":}",
                           "{\"a\":,}",
                           "{\"a\":\"}",
                           "{\"a\":[1}",
                           "{\"a\":1 \"b\":2}",
                           "{,\"a\":1}",
                           "{\"a\" 1}",
                           "{a:1}",
                           "{1:1}",
                           "{}{}",
                           "{} x",
                           "{}}",
                           "{\"a\":1}]",
                           "{\"a\":\"\\",
                           "{\"a\":[\"",
                           "{\"\\x\":1}",
                           "{\"\xff\":1}",
                           "{\"\n\":1}",
                           "\xef\xbb\xbf{}"}) {
    EXPECT_NE(message(text), "accepted") << text;
  }
}

TEST(JsonMembers, RefusesAHugeLine) {
  const auto members = members_of(std::string(kLineBytesMax + 1, ' '));
  ASSERT_FALSE(members);
  EXPECT_EQ(std::get<LimitDetails>(members.error().details).limit, "line_bytes_max");
}

// A text whose values are all valid is valid as a whole, and the other way round.
RC_GTEST_PROP(JsonMembers, AgreesWithTheParser, ()) {
  auto text = "{\"a\":" + *any_json_text() + ",\"b\":" + *any_json_text() + "}";
  if (*rc::gen::arbitrary<bool>()) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    text[at] = *rc::gen::element('"', '\\', '{', '}', '[', ']', ',', ':', ' ', 'x', '\x80', '\n');
  }
  const auto members = members_of(text);
  bool is_valid = members.has_value();
  if (members) {
    for (const auto& [name, raw] : *members) is_valid = is_valid && is_json(raw);
  }
  RC_ASSERT(is_valid == is_json(text));
}

TEST(ReadJsonString, ReadsEscapesAndUtf8) {
  std::string scratch;
  EXPECT_EQ(read_json_string("a", R"("")", scratch).value(), "");
  EXPECT_EQ(read_json_string("a", R"("plain text")", scratch).value(), "plain text");
  EXPECT_EQ(read_json_string("a", R"("\u00e9\ud83d\ude00\/\n")", scratch).value(),
            "\xc3\xa9\xf0\x9f\x98\x80/\n");
  EXPECT_EQ(read_json_string("a", "\"\xc3\xa9\"", scratch).value(), "\xc3\xa9");
  EXPECT_EQ(read_json_string("a", "\"\x7f\"", scratch).value(), "\x7f");
}

TEST(ReadJsonString, RefusesWhatHasNoText) {
  std::string scratch;
  for (const char* raw :
       {"1", "null", "{}", "x", R"("\ud800")", R"("\x")", "\"\x01\"", "\"\xff\""}) {
    EXPECT_FALSE(read_json_string("a", raw, scratch)) << raw;
  }
  EXPECT_EQ(read_json_string("type", "12", scratch).error().message, "type \"12\" is not a string");
}

TEST(ReadJsonStrings, ReadsAnArray) {
  using Strings = std::vector<std::string>;
  EXPECT_EQ(read_json_strings("a", "[]").value(), Strings{});
  EXPECT_EQ(read_json_strings("a", "[ ]").value(), Strings{});
  EXPECT_EQ(read_json_strings("a", R"([ "a" , "b]",""])").value(), (Strings{"a", "b]", ""}));
  for (const char* raw : {"1", "\"a\"", "[1]", "[\"a\",]", "[\"a\" \"b\"]", "[,\"a\"]", "[\"a\"}",
                          "[}", "[null]", "[[\"a\"]]", "[", "[\"a\""}) {
    EXPECT_FALSE(read_json_strings("a", raw)) << raw;
  }
}

TEST(ReadJsonCount, ReadsWholeNumbers) {
  EXPECT_EQ(read_json_count("a", "0").value(), 0U);
  EXPECT_EQ(read_json_count("a", "18446744073709551615").value(), UINT64_MAX);
  for (const char* raw :
       {"", "-1", "+1", "01", "1.0", "1e3", "18446744073709551616", "\"1\"", "x", "1x"}) {
    EXPECT_FALSE(read_json_count("a", raw)) << raw;
  }
}

}  // namespace
}  // namespace eventstore
