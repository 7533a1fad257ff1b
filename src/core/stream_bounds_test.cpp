#include "core/stream_bounds.hpp"

#include <string>

#include <gtest/gtest.h>

namespace eventstore {
namespace {

using std::chrono_literals::operator""s;

Result<std::optional<StatedBounds>> stated_by(std::string_view json) {
  return stated_bounds("$$s", kMetadataType, PayloadFormat::Json, json);
}

StreamBounds bounds_in(std::string_view json) {
  const auto stated = stated_by(json);
  return stated && *stated ? (*stated)->bounds : StreamBounds{.truncate_before = {999}};
}

TEST(StreamBounds, AreReadFromMetadata) {
  EXPECT_EQ(bounds_in("{}"), StreamBounds{});
  EXPECT_EQ(bounds_in(R"( { "a" : 1 , "$tb" : 5 } )"), (StreamBounds{.truncate_before = {5}}));
  EXPECT_EQ(bounds_in(R"({"$maxCount":3,"$maxAge":60,"$other":"x"})"),
            (StreamBounds{.retention = {.max_count = 3, .max_age = 60s}}));
  EXPECT_EQ(bounds_in(R"({"\u0024tb":1})"), (StreamBounds{.truncate_before = {1}}));
  EXPECT_EQ(bounds_in(R"({"$tb":9223372036854775807})").truncate_before.value, kBoundMax);
  EXPECT_EQ(bounds_in(R"({"a":{"$tb":5}})"), StreamBounds{});
}

TEST(StreamBounds, AreNotStatedByWhatIsNoObject) {
  for (const char* json : {"", "1", "[]", R"(["{"])", R"("{\"$tb\":5}")"}) {
    EXPECT_EQ(bounds_in(json), StreamBounds{}) << json;
  }
}

TEST(StreamBounds, AreStatedByMetadataAndTombstonesAlone) {
  const auto of = [](std::string_view stream, std::string_view type) {
    return stated_bounds(stream, type, PayloadFormat::Json, R"({"$tb":5})").value();
  };
  EXPECT_EQ(of("$$s", "$metadata")->stream, "s");
  EXPECT_FALSE(of("$$s", "metadata"));
  EXPECT_FALSE(of("$s", "$metadata"));
  EXPECT_FALSE(of("$$", "$metadata"));
  EXPECT_FALSE(of("s", "Happened"));
  EXPECT_TRUE(of("s", "$tombstone")->is_tombstone);
  EXPECT_EQ(of("s", "$tombstone")->stream, "s");
  EXPECT_TRUE(stated_bounds("$$s", "$metadata", PayloadFormat::Binary, R"({"$tb":5})")
                  .value()
                  ->bounds.empty());
  EXPECT_FALSE(stated_bounds("$$s", "$tombstone", PayloadFormat::Json, ""));
}

TEST(StreamBounds, NameWhatIsWrong) {
  const auto message = stated_by(R"({"$tb":-1})").error().message;
  EXPECT_NE(message.find("\"$tb\" is -1"), std::string::npos) << message;
  EXPECT_NE(stated_by(R"({"$tb":1,"$tb":1})").error().message.find("twice"), std::string::npos);
}

TEST(StreamBounds, ComeAndGoWithoutATraceInTheDocument) {
  const StreamBounds bounds{.truncate_before = {5}, .retention = {.max_count = 3, .max_age = 60s}};
  for (const char* json : {"{}", "{ }", " {\n} ", R"({"a":1})", R"({ "a" : 1 , "b":[{}, 2] } )",
                           R"({"a":"}","b":"{"})", "{\t\"a\":1\n}"}) {
    const auto with = with_own_keys(json, bounds, "{}");
    EXPECT_EQ(bounds_in(with), bounds) << with;
    EXPECT_EQ(without_own_keys(with), json);
    EXPECT_EQ(without_own_keys(json), json);
    EXPECT_EQ(with_own_keys(json, {}, "{}"), json);
  }
}

TEST(StreamBounds, ReplaceEarlierOnesAndKeepOtherKeysOfTheStore) {
  const std::string before = R"({"$tb":1,"x":0, "$later" : [1] ,"$maxAge":9})";
  EXPECT_EQ(with_own_keys(R"({"a":1})", {.truncate_before = {5}}, before),
            R"({"$tb":5, "$later" : [1] ,"a":1})");
  EXPECT_EQ(without_own_keys(before), R"({"x":0})");
}

TEST(StreamBounds, MakeWhatIsDeletedAsAWholeCountAsNoStream) {
  const auto holds = [](const ExpectedVersion& expected, std::uint64_t last, std::uint64_t before) {
    return holds_for(expected, {last}, {before});
  };
  EXPECT_TRUE(holds(ExpectedVersion::no_stream(), 5, 6));
  EXPECT_FALSE(holds(ExpectedVersion::no_stream(), 6, 6));
  EXPECT_TRUE(holds(ExpectedVersion::exactly({0}), 5, 6));
  EXPECT_TRUE(holds(ExpectedVersion::exactly({5}), 5, 6));
  EXPECT_FALSE(holds(ExpectedVersion::exactly({4}), 5, 6));
  EXPECT_FALSE(holds(ExpectedVersion::stream_exists(), 5, 6));
  EXPECT_TRUE(holds(ExpectedVersion::stream_exists(), 6, 6));
  EXPECT_FALSE(holds(ExpectedVersion::stream_exists(), 0, 1));
  EXPECT_TRUE(holds(ExpectedVersion::no_stream(), 0, 1));
}

}  // namespace
}  // namespace eventstore
