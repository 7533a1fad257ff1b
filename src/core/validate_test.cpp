#include "eventstore/validate.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/event_generators_test_support.hpp"
#include "core/time_range.hpp"
#include "eventstore/limits.hpp"

namespace eventstore {
namespace {

Uuid id_of(unsigned number) {
  Uuid id;
  id.bytes[0] = static_cast<std::byte>(number >> 8);
  id.bytes[1] = static_cast<std::byte>(number);
  id.bytes[15] = std::byte{1};
  return id;
}

NewEvent event_of(std::string stream = "order-1", std::string type = "Placed") {
  return {.stream = std::move(stream), .type = std::move(type), .data = "{}"};
}

// The message of a refusal, which must be of `code`.
template <typename T>
std::string refusal(const T& value, ErrorCode code = ErrorCode::InvalidArgument) {
  const auto valid = validate(value);
  if (valid) return "accepted";
  EXPECT_EQ(valid.error().code, code) << valid.error().message;
  return valid.error().message;
}

template <typename T>
LimitDetails limit_of(const T& value) {
  const auto valid = validate(value);
  if (valid || !std::holds_alternative<LimitDetails>(valid.error().details)) return {};
  EXPECT_EQ(valid.error().code, ErrorCode::LimitExceeded);
  return std::get<LimitDetails>(valid.error().details);
}

TEST(ValidateName, AcceptsAnyUtf8WithoutControlCharacters) {
  for (const char* name : {"a", "$", " ", "order-1", "\"\\/", "\xc2\xa0", "\xc3\xa9t\xc3\xa9",
                           "\xf0\x9f\x98\x80", "a-long-name-with-\xe2\x82\xac-in-it"}) {
    EXPECT_TRUE(validate_stream_name(name)) << name;
    EXPECT_TRUE(validate_event_type(name)) << name;
    EXPECT_TRUE(validate_tag(name)) << name;
  }
}

// Wherever it stands: names are looked at eight bytes at a time.
TEST(ValidateName, FindsOneBadByteAnywhere) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string name(size, 'a');
        name[at] = static_cast<char>(byte);
        ASSERT_EQ(validate_stream_name(name).has_value(), byte >= 0x20 && byte < 0x7f)
            << byte << " at " << at << " of " << size;
      }
    }
  }
}

TEST(ValidateName, RefusesTheControlCharactersOfTwoBytes) {
  for (int second = 0x80; second < 0xc0; ++second) {
    const std::string name = std::string("name-\xc2") + static_cast<char>(second);
    EXPECT_EQ(validate_stream_name(name).has_value(), second >= 0xa0) << second;
  }
}

TEST(ValidateName, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(validate_stream_name("").error().message, "stream is empty: give it 1 to 512 bytes");
  EXPECT_EQ(validate_consumer_group_name("").error().message,
            "name of the consumer group is empty: give it 1 to 512 bytes");
  EXPECT_EQ(validate_event_type("ab\n").error().message,
            "type \"ab\\u000a\" has a control character at byte 2: names may not contain any");
  EXPECT_EQ(validate_tag("\xc3\xa9\xff").error().message,
            "tag \"\xc3\xa9\\xff\" is not valid UTF-8 at byte 2");
}

TEST(ValidateName, KeepsTheLimits) {
  EXPECT_TRUE(validate_stream_name(std::string(kStreamNameBytesMax, 'a')));
  EXPECT_TRUE(validate_event_type(std::string(kEventTypeBytesMax, 'a')));
  EXPECT_TRUE(validate_tag(std::string(kTagBytesMax, 'a')));
  const auto limit = [](const Result<void>& valid) {
    return std::get<LimitDetails>(valid.error().details).limit;
  };
  EXPECT_EQ(limit(validate_stream_name(std::string(513, 'a'))), "stream_name_bytes_max");
  EXPECT_EQ(limit(validate_event_type(std::string(513, 'a'))), "event_type_bytes_max");
  EXPECT_EQ(limit(validate_tag(std::string(257, 'a'))), "tag_bytes_max");
}

RC_GTEST_PROP(ValidateEvent, AcceptsWhatTheGeneratorsMake, ()) {
  const auto event = *any_event();
  const auto valid = validate(event);
  RC_ASSERT(valid.has_value());
}

TEST(ValidateEvent, RefusesEachFieldThatIsWrong) {
  const std::vector<std::pair<std::function<void(NewEvent&)>, std::string>> cases{
      {[](NewEvent& e) { e.stream = ""; }, "stream is empty"},
      {[](NewEvent& e) { e.type = "\x01"; }, "type \"\\u0001\" has a control character"},
      {[](NewEvent& e) { e.tags = {"a", ""}; }, "tag is empty"},
      {[](NewEvent& e) { e.id = Uuid{}; }, "id is the nil UUID"},
      {[](NewEvent& e) { e.data = "{"; }, "data \"{\" is not one valid JSON value"},
      {[](NewEvent& e) { e.data = " "; }, "data \" \" has no JSON value"},
      {[](NewEvent& e) { e.data = "\"\xff\""; }, "data \"\\\"\\xff\\\"\" is not valid UTF-8"},
      {[](NewEvent& e) { e.schema_version = 0; }, "schema_version is 0"},
      {[](NewEvent& e) { e.format = static_cast<PayloadFormat>(0); }, "format 0 is unknown"},
      {[](NewEvent& e) { e.format = static_cast<PayloadFormat>(3); }, "format 3 is unknown"},
      {[](NewEvent& e) { e.occurred_at = kTimestampMin - std::chrono::microseconds(1); },
       "occurred_at -0001-12-31T23:59:59.999999Z is outside"},
      {[](NewEvent& e) { e.occurred_at = kTimestampMax + std::chrono::microseconds(1); },
       "occurred_at 010000-01-01T00:00:00.000000Z is outside"}};
  for (const auto& [change, message] : cases) {
    auto event = event_of();
    change(event);
    EXPECT_TRUE(refusal(event).starts_with(message)) << refusal(event);
  }
}

TEST(ValidateEvent, LeavesBinaryDataAndMetadataAlone) {
  auto event = event_of();
  event.metadata = "{\xff";
  event.data = "";
  EXPECT_TRUE(validate(event));
  event.data = "{\xff";
  event.format = PayloadFormat::Binary;
  EXPECT_TRUE(validate(event));
}

TEST(ValidateEvent, KeepsTheLimits) {
  auto event = event_of();
  event.tags.assign(kTagsPerEventMax + 1, "tag");
  EXPECT_EQ(limit_of(event).limit, "tags_per_event_max");
  EXPECT_EQ(limit_of(event).actual, 65U);

  event = event_of("s", "t");
  event.tags = {"tag"};
  event.metadata = "m";
  event.format = PayloadFormat::Binary;
  event.data.assign(kEventBytesMax - 6, 'x');
  EXPECT_TRUE(validate(event));
  event.data.push_back('x');
  EXPECT_EQ(limit_of(event).limit, "event_bytes_max");
  EXPECT_EQ(limit_of(event).actual, kEventBytesMax + 1);
}

TEST(ValidateAppend, RefusesARequestOfNothing) {
  EXPECT_TRUE(refusal(AppendRequest{}).starts_with("append is empty"));
  EXPECT_TRUE(validate(AppendRequest{.checks = {{.stream = "a"}}}));
  EXPECT_TRUE(validate(
      AppendRequest{.condition = AppendCondition{.query = Query::everything(), .after = {}}}));
}

TEST(ValidateAppend, SaysWhichEventIsWrong) {
  const AppendRequest request{.events = {event_of(), event_of("")}};
  EXPECT_TRUE(refusal(request).starts_with("events[1]: stream is empty")) << refusal(request);
}

TEST(ValidateAppend, KeepsTheStoresOwnNamesForTheStore) {
  AppendRequest by_stream{.events = {event_of("$$order-1")}};
  AppendRequest by_type{.events = {event_of("order-1", "$tombstone")}};
  EXPECT_TRUE(refusal(by_stream).starts_with("events[0]: stream \"$$order-1\" starts with '$'"));
  EXPECT_TRUE(refusal(by_type).starts_with("events[0]: type \"$tombstone\" starts with '$'"));
  by_stream.system = true;
  by_type.system = true;
  EXPECT_TRUE(validate(by_stream));
  EXPECT_TRUE(validate(by_type));
  EXPECT_TRUE(validate(AppendRequest{.checks = {{.stream = "$$order-1"}}}));
}

TEST(ValidateAppend, RefusesAnIdTwiceInOneStream) {
  for (const unsigned count : {2U, 3U, 100U}) {
    AppendRequest request;
    for (unsigned number = 0; number < count; ++number) {
      request.events.push_back(event_of());
      request.events.back().id = id_of(count - number);
    }
    EXPECT_TRUE(validate(request));
    request.events.front().id = request.events.back().id;
    EXPECT_TRUE(refusal(request).starts_with("id 0001")) << refusal(request);
    request.events.front().stream = "order-2";
    EXPECT_TRUE(validate(request));
    request.events.back().id.reset();
    EXPECT_TRUE(validate(request));
  }
}

TEST(ValidateAppend, RefusesTwoChecksOfOneStream) {
  AppendRequest request{.checks = {{.stream = "b"}, {.stream = "a"}, {.stream = "c"}}};
  EXPECT_TRUE(validate(request));
  request.checks.push_back({.stream = "b", .expected = ExpectedVersion::no_stream()});
  EXPECT_TRUE(refusal(request).starts_with("stream \"b\" is checked twice")) << refusal(request);
  request.checks[1].stream = "";
  EXPECT_TRUE(refusal(request).starts_with("checks[1]: stream is empty")) << refusal(request);
}

TEST(ValidateAppend, RefusesAConditionThatMatchesNothing) {
  const AppendRequest request{.events = {event_of()}, .condition = AppendCondition{}};
  EXPECT_TRUE(refusal(request).starts_with("condition: query is empty")) << refusal(request);
}

TEST(ValidateAppend, KeepsTheLimitOfTheWhole) {
  auto event = event_of("s", "t");
  event.format = PayloadFormat::Binary;
  event.data.assign(kEventBytesMax - 2, 'x');
  AppendRequest request{.events = std::vector<NewEvent>(4, event)};
  EXPECT_TRUE(validate(request));
  request.events.push_back(event_of("s", "t"));
  EXPECT_EQ(limit_of(request).limit, "append_bytes_max");
  EXPECT_EQ(limit_of(request).actual, kAppendBytesMax + 4);
}

TEST(ValidateRead, LooksAtWhateverItNames) {
  EXPECT_TRUE(validate(ReadRequest{}));
  EXPECT_TRUE(validate(ReadRequest{.selector = SelectStream{"$$a"}}));
  EXPECT_TRUE(validate(ReadRequest{.selector = SelectCategory{""}}));
  EXPECT_TRUE(validate(ReadRequest{.selector = Query::everything(), .stream_prefix = "a"}));
  EXPECT_TRUE(refusal(ReadRequest{.selector = SelectStream{""}}).starts_with("stream is empty"));
  EXPECT_TRUE(
      refusal(ReadRequest{.selector = SelectCategory{"a-b"}}).starts_with("category \"a-b\""));
  EXPECT_TRUE(
      refusal(ReadRequest{.selector = SelectCategory{"\n"}}).starts_with("category \"\\u000a"));
  EXPECT_TRUE(refusal(ReadRequest{.selector = Query{}}).starts_with("query is empty"));
  EXPECT_TRUE(refusal(ReadRequest{.types = {"a", ""}}).starts_with("types: type is empty"));
  EXPECT_TRUE(refusal(ReadRequest{.stream_prefix = "\xff"}).starts_with("stream_prefix \"\\xff\""));
  EXPECT_TRUE(
      refusal(ReadRequest{.direction = static_cast<Direction>(2)}).starts_with("direction 2"));
}

}  // namespace
}  // namespace eventstore
