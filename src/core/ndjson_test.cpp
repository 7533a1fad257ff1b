#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/event_generators_test_support.hpp"
#include "core/event_test_support.hpp"
#include "eventstore/limits.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore {
namespace {

constexpr std::string_view kId = "3b89feab-bfc1-5e0f-8b5a-f7195d5138fc";

std::string written(const NewEvent& event) {
  std::string line;
  write_ndjson_event(line, EventAsStored(event).view());
  return line;
}

NewEvent event_of(std::string data, PayloadFormat format = PayloadFormat::Json) {
  return {.stream = "s",
          .type = "t",
          .id = Uuid::parse(kId),
          .data = std::move(data),
          .format = format};
}

// The line of an event in stream "s" of type "t" with `members` more.
std::string line_with(std::string_view members) {
  return R"({"stream":"s","type":"t")" + std::string(members) + "}";
}

std::string refusal(std::string_view line) {
  const auto event = parse_ndjson_event(line);
  if (event) return "accepted";
  EXPECT_EQ(event.error().code, ErrorCode::InvalidArgument);
  return event.error().message;
}

TEST(Ndjson, NeedsOnlyStreamAndType) {
  const auto event = parse_ndjson_event(R"({"stream":"s","type":"t"})");
  ASSERT_TRUE(event);
  EXPECT_EQ(difference(*event, NewEvent{.stream = "s", .type = "t"}), std::nullopt);
}

TEST(Ndjson, ReadsEveryField) {
  const auto event = parse_ndjson_event(
      R"({"recorded_at":"2020-01-01T00:00:00.000000Z","position":9,"version":1,"schema_version":7,)"
      R"("format":"binary","tags":["a","b"],"metadata_base64":"bQ==","data_base64":"/w==",)"
      R"("time":"2010-10-02T09:20:39.266+02:00","id":"3B89FEAB-BFC1-5E0F-8B5A-F7195D5138FC",)"
      R"("type":"\u0074","stream":"\u0073"})");
  ASSERT_TRUE(event) << event.error().message;
  auto expected = event_of("\xff", PayloadFormat::Binary);
  expected.metadata = "m";
  expected.tags = {"a", "b"};
  expected.schema_version = 7;
  expected.occurred_at = parse_timestamp("2010-10-02T07:20:39.266Z");
  EXPECT_EQ(difference(*event, expected), std::nullopt);
}

TEST(Ndjson, KeepsDataAndMetadataAsTheyStand) {
  const auto event = parse_ndjson_event(
      line_with(R"(, "data" : { "b":1.0,"a" :"\u0041" } , "metadata": [ 1e999 ] )"));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->data, R"({ "b":1.0,"a" :"\u0041" })");
  EXPECT_EQ(event->metadata, "[ 1e999 ]");
}

TEST(Ndjson, WritesFieldsInOrderAndLeavesDefaultsOut) {
  EXPECT_EQ(written(event_of("")), R"({"stream":"s","type":"t","id":")" + std::string(kId) + "\"}");
  auto event = event_of("[1]");
  event.metadata = "{}";
  event.tags = {"a", "\""};
  event.schema_version = 2;
  event.occurred_at = Timestamp{};
  EventAsStored stored(event);
  stored.view().version = {3};
  stored.view().position = {4};
  stored.view().recorded_at = Timestamp{std::chrono::seconds(1)};
  std::string line;
  write_ndjson_event(line, stored.view());
  EXPECT_EQ(line,
            R"({"stream":"s","type":"t","id":"3b89feab-bfc1-5e0f-8b5a-f7195d5138fc",)"
            R"("time":"1970-01-01T00:00:00.000000Z","data":[1],"metadata":{},"tags":["a","\""],)"
            R"("schema_version":2,"version":3,"position":4,)"
            R"("recorded_at":"1970-01-01T00:00:01.000000Z"})");
}

TEST(Ndjson, WritesAsBase64WhatALineCannotHold) {
  const auto data_of = [](const NewEvent& event) {
    const auto line = written(event);
    return line.substr(line.find(",\"data") + 1);
  };
  EXPECT_EQ(data_of(event_of("{}")), "\"data\":{}}");
  EXPECT_EQ(data_of(event_of("{\n}")), "\"data_base64\":\"ewp9\"}");
  EXPECT_EQ(data_of(event_of("{\r}")), "\"data_base64\":\"ew19\"}");
  EXPECT_EQ(data_of(event_of(" 12")), "\"data_base64\":\"IDEy\"}");
  EXPECT_EQ(data_of(event_of("12\t")), "\"data_base64\":\"MTIJ\"}");
  EXPECT_EQ(data_of(event_of("{}", PayloadFormat::Binary)),
            "\"data_base64\":\"e30=\",\"format\":\"binary\"}");
}

RC_GTEST_PROP(Ndjson, ReadsWhatItWrote, ()) {
  const auto event = *any_event();
  const auto line = written(event);
  RC_ASSERT(is_json(line));
  RC_ASSERT(line.find('\n') == std::string::npos && line.find('\r') == std::string::npos);
  const auto read = parse_ndjson_event(line);
  RC_ASSERT(read.has_value());
  RC_ASSERT(difference(*read, event) == std::nullopt);
}

TEST(Ndjson, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(refusal(R"({"type":"t"})"), "field \"stream\" is missing");
  EXPECT_EQ(refusal(R"({"stream":"s"})"), "field \"type\" is missing");
  EXPECT_EQ(refusal(line_with(R"(,"Data":1)")),
            "field \"Data\" is unknown: leave it out, or put it into metadata");
  EXPECT_EQ(refusal(line_with(R"(,"type":"u")")), "field \"type\" is there twice");
  EXPECT_EQ(refusal(line_with(R"(,"data":1,"data_base64":"MQ==")")),
            "data and data_base64 are both there: give one of them");
  EXPECT_EQ(refusal(line_with(R"(,"metadata":1,"metadata_base64":"")")),
            "metadata and metadata_base64 are both there: give one of them");
  EXPECT_TRUE(refusal(line_with(R"(,"id":"x")")).starts_with("id \"x\" is not a UUID"));
  EXPECT_TRUE(refusal(line_with(R"(,"id":null)")).starts_with("id \"null\" is not a string"));
  EXPECT_TRUE(refusal(line_with(R"(,"time":"now")")).starts_with("time \"now\" is not a time"));
  EXPECT_TRUE(
      refusal(line_with(R"(,"data_base64":"MQ")")).starts_with("data_base64 \"MQ\" is not"));
  EXPECT_TRUE(refusal(line_with(R"(,"metadata":{"a")")).starts_with("metadata \"{"));
  EXPECT_TRUE(refusal(line_with(R"(,"metadata":[1})")).starts_with("metadata \"[1}\" is not one"));
  EXPECT_TRUE(
      refusal(line_with(R"(,"metadata":[1 2])")).starts_with("metadata \"[1 2]\" is not one"));
  EXPECT_TRUE(refusal(line_with(R"(,"version":01)")).starts_with("version \"01\" is not a whole"));
  EXPECT_TRUE(
      refusal(line_with(R"(,"version":"1")")).starts_with("version \"\\\"1\\\"\" is not a"));
  EXPECT_TRUE(
      refusal(line_with(R"(,"position":1.5)")).starts_with("position \"1.5\" is not a whole"));
  EXPECT_TRUE(
      refusal(line_with(R"(,"recorded_at":[1])")).starts_with("recorded_at \"[1]\" is not a"));
  EXPECT_TRUE(
      refusal(line_with(R"(,"tags":"a")")).starts_with("tags \"\\\"a\\\"\" is not an array"));
  EXPECT_TRUE(refusal(line_with(R"(,"format":"xml")")).starts_with("format \"xml\" is unknown"));
  EXPECT_TRUE(refusal(line_with(R"(,"schema_version":0)")).starts_with("schema_version \"0\" is"));
  EXPECT_TRUE(
      refusal(line_with(R"(,"schema_version":4294967296)")).starts_with("schema_version \"4"));
  EXPECT_TRUE(refusal("[]").starts_with("line \"[]\" is not one JSON object"));
}

TEST(Ndjson, RefusesMetadataThatNoEventCanHoldWithoutReadingIt) {
  const auto large = parse_ndjson_event(
      line_with(R"(,"metadata":")" + std::string(kEventBytesMax - 1, 'x') + "\""));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::LimitExceeded);
}

// Data is left to validate(), which sees it anyway; where that would not look, the reader does.
TEST(Ndjson, LetsNoBrokenDataThrough) {
  for (const char* data : {"[1 2]", "[}", "nul", "\"\\x\"", "\"\xff\"", "{\"a\"}"}) {
    const auto event = parse_ndjson_event(line_with(R"(,"data":)" + std::string(data)));
    if (event) {
      EXPECT_FALSE(validate(*event)) << data;
    }
    EXPECT_NE(refusal(line_with(R"(,"format":"binary","data":)" + std::string(data))), "accepted");
  }
}

}  // namespace
}  // namespace eventstore
