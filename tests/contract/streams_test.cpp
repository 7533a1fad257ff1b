#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/limits.hpp"
#include "support/engines.hpp"

namespace eventstore::test {
namespace {

class Streams : public EngineTest {
 protected:
  void SetUp() override {
    reopen({.segment_bytes_max = 64 << 10});
    for (const char* stream :
         {"order-2", "order-1", "order", "orders-1", "item-1", "order-10", "-"}) {
      NewEvent event = event_of(stream);
      event.data = '"' + std::string(20000, 'x') + '"';  // so that they lie in several segments
      value_of(store().append({.events = {event}}));
    }
    value_of(store().append({.events = {event_of("order-1"), event_of("order-1")}}));
  }

  std::vector<std::string> names(const ListStreamsRequest& request) {
    std::vector<std::string> found;
    for (const auto& info : value_of(store().list_streams(request))) found.push_back(info.stream);
    return found;
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Streams, testing::ValuesIn(all_engines()), engine_name);

using Names = std::vector<std::string>;

TEST_P(Streams, AreListedInTheOrderOfTheirBytes) {
  EXPECT_EQ(names({}),
            (Names{"-", "item-1", "order", "order-1", "order-10", "order-2", "orders-1"}));
}

TEST_P(Streams, AreListedByPrefix) {
  EXPECT_EQ(names({.prefix = "order-1"}), (Names{"order-1", "order-10"}));
  EXPECT_EQ(names({.prefix = "absent"}), Names{});
  EXPECT_EQ(names({.prefix = "-"}), (Names{"-"}));
}

TEST_P(Streams, AreListedByCategory) {
  EXPECT_EQ(names({.category = "order"}), (Names{"order", "order-1", "order-10", "order-2"}));
  EXPECT_EQ(names({.category = ""}), (Names{"-"}));
  EXPECT_EQ(names({.prefix = "order-1", .category = "order"}), (Names{"order-1", "order-10"}));
  EXPECT_EQ(names({.prefix = "orders", .category = "order"}), Names{});
  EXPECT_EQ(names({.category = "absent"}), Names{});
}

TEST_P(Streams, AreListedAFewAtATime) {
  EXPECT_EQ(names({.limit = 2}), (Names{"-", "item-1"}));
  EXPECT_EQ(names({.after = "item-1", .limit = 2}), (Names{"order", "order-1"}));
  EXPECT_EQ(names({.after = "order-1x"}), (Names{"order-2", "orders-1"}));
  EXPECT_EQ(names({.prefix = "order", .after = "order-10", .limit = 1}), (Names{"order-2"}));
  EXPECT_EQ(names({.category = "order", .after = "order", .limit = 2}),
            (Names{"order-1", "order-10"}));
  EXPECT_EQ(names({.after = "zzz"}), Names{});
  EXPECT_EQ(names({.limit = 0}), Names{});
}

TEST_P(Streams, HaveInformation) {
  const StreamInfo expected{.stream = "order-1",
                            .version = {3},
                            .first_version = {1},
                            .events = 3,
                            .first_position = {2},
                            .last_position = {9}};
  EXPECT_EQ(value_of(store().stream_info("order-1")), expected);
  const auto listed = value_of(store().list_streams({.prefix = "order-1", .limit = 1}));
  EXPECT_EQ(listed, (std::vector<StreamInfo>{expected}));
}

TEST_P(Streams, ThatAreAbsentHaveNone) {
  EXPECT_EQ(value_of(store().stream_info("absent")), std::nullopt);
  EXPECT_EQ(value_of(store().stream_info("order-")), std::nullopt);
}

class Metadata : public EngineTest {
 protected:
  Result<StreamVersion> set(std::string_view json,
                            ExpectedVersion expected = ExpectedVersion::any()) {
    return store().set_stream_metadata("s", json, expected);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Metadata, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Metadata, IsAnEmptyObjectWhereNoneWasSet) {
  const auto none = value_of(store().stream_metadata("s"));
  EXPECT_EQ(none.version, StreamVersion{0});
  EXPECT_EQ(none.json, "{}");
}

TEST_P(Metadata, IsWhatWasSetLast) {
  EXPECT_EQ(value_of(set(R"({"owner":"a"})")), StreamVersion{1});
  EXPECT_EQ(value_of(set(R"({ "owner": "b" })")), StreamVersion{2});
  const auto metadata = value_of(store().stream_metadata("s"));
  EXPECT_EQ(metadata.version, StreamVersion{2});
  EXPECT_EQ(metadata.json, R"({ "owner": "b" })");
  EXPECT_EQ(value_of(store().stream_metadata("t")).version, StreamVersion{0});
}

TEST_P(Metadata, NeedsNoStream) {
  value_of(set("{}"));
  EXPECT_EQ(value_of(store().stream_info("s")), std::nullopt);
  value_of(store().append(append_to("s", ExpectedVersion::no_stream())));
}

TEST_P(Metadata, IsTheLastEventOfTheStreamOfItsName) {
  value_of(set(R"({"a":1})"));
  const auto events = read_stream(store(), "$$s");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].data, R"({"a":1})");
  EXPECT_EQ(value_of(store().head()), GlobalPosition{1});
  EXPECT_TRUE(read_events(store()).empty());
}

TEST_P(Metadata, CanBeThatOfTheLongestName) {
  const std::string longest(kStreamNameBytesMax, 's');
  EXPECT_EQ(value_of(store().stream_metadata(longest)).json, "{}");
  value_of(store().set_stream_metadata(longest, R"({"a":1})", ExpectedVersion::no_stream()));
  EXPECT_EQ(value_of(store().stream_metadata(longest)).json, R"({"a":1})");
  EXPECT_EQ(read_stream(store(), "$$" + longest).size(), 1u);
  EXPECT_EQ(code_of(store().stream_metadata(longest + "s")), ErrorCode::LimitExceeded);
}

TEST_P(Metadata, IsSetAtAnExpectedVersion) {
  EXPECT_TRUE(set("{}", ExpectedVersion::no_stream()).has_value());
  EXPECT_TRUE(set("{}", ExpectedVersion::exactly({1})).has_value());
  EXPECT_TRUE(set("{}", ExpectedVersion::stream_exists()).has_value());
  const auto conflict =
      details_of<VersionConflict>(error_of(set("{}", ExpectedVersion::exactly({1}))));
  EXPECT_EQ(conflict.expected, "1");
  EXPECT_EQ(conflict.actual, StreamVersion{3});
  EXPECT_EQ(code_of(set("{}", ExpectedVersion::no_stream())), ErrorCode::WrongExpectedVersion);
  EXPECT_EQ(value_of(store().stream_metadata("s")).version, StreamVersion{3});
}

TEST_P(Metadata, IsRefusedWhereItIsNoObject) {
  for (const char* json :
       {"", " ", "[]", "1", "null", "\"{}\"", "{", "{}{}", "{]", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(code_of(set(json)), ErrorCode::InvalidArgument) << json;
  }
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
}

TEST_P(Metadata, IsRefusedWhereAKeyIsTheStoresOwn) {
  for (const char* json : {R"({"$max_count":1})", R"({"a":1,"$b":2})", R"({"\u0024tb":1})",
                           R"({ "a" : {} , "$" : null })"}) {
    EXPECT_EQ(code_of(set(json)), ErrorCode::InvalidArgument) << json;
  }
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
  EXPECT_TRUE(set(R"({"price$":1,"nested":{"$inner":2}})").has_value());
}

TEST_P(Metadata, IsRefusedForNamesThatAreNone) {
  EXPECT_EQ(code_of(store().set_stream_metadata("", "{}", ExpectedVersion::any())),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(store().set_stream_metadata("a\nb", "{}", ExpectedVersion::any())),
            ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace eventstore::test
