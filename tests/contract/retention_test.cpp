#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

using Numbers = std::vector<std::uint64_t>;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

// Stream s has 6 events.
class Retained : public EngineTest {
 protected:
  void SetUp() override { value_of(store().append(append_to("s", ExpectedVersion::any(), 6))); }

  StreamChange retain(const Retention& retention) {
    return value_of(store().set_retention("s", retention, ExpectedVersion::any()));
  }
  Result<AppendResult> append_metadata(std::string json) {
    NewEvent event = event_of("$$s", "$metadata");
    event.data = std::move(json);
    return store().append({.events = {event}, .system = true});
  }
  Numbers versions(ReadRequest request = {}) {
    request.selector = SelectStream{"s"};
    return versions_of(read_events(store(), std::move(request)));
  }
  StreamMetadata metadata() { return value_of(store().stream_metadata("s")); }
};
INSTANTIATE_TEST_SUITE_P(Engines, Retained, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Retained, ByCountKeepsTheLastEventsInReadsOfTheStream) {
  retain({.max_count = 2});
  EXPECT_EQ(versions(), (Numbers{5, 6}));
  EXPECT_EQ(versions({.direction = Direction::Backwards}), (Numbers{6, 5}));
  value_of(store().append(append_to("s")));
  EXPECT_EQ(versions(), (Numbers{6, 7}));
  EXPECT_EQ(versions({.direction = Direction::Backwards}), (Numbers{7, 6}));
  retain({.max_count = 20});
  EXPECT_EQ(versions(), (Numbers{6, 7}));
}

TEST_P(Retained, IsToldByTheStreamsInformation) {
  retain({.max_count = 2});
  const StreamInfo expected{.stream = "s",
                            .version = {6},
                            .first_version = {5},
                            .events = 2,
                            .first_position = {5},
                            .last_position = {6}};
  EXPECT_EQ(value_of(store().stream_info("s")), expected);
  EXPECT_EQ(value_of(store().list_streams({})), (std::vector<StreamInfo>{expected}));
}

TEST_P(Retained, IsNotAppliedElsewhereBeforeScavenging) {
  retain({.max_count = 2});
  EXPECT_EQ(positions_of(read_events(store())), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read_events(store(), {.selector = SelectCategory{"s"}}).size(), 6u);
  EXPECT_EQ(code_of(store().append({.condition = AppendCondition{Query::everything(), {0}}})),
            ErrorCode::AppendConditionFailed);
}

TEST_P(Retained, LeavesTheStreamThere) {
  retain({.max_count = 1});
  for (const auto& [expected, holds] : {std::pair(ExpectedVersion::no_stream(), false),
                                        std::pair(ExpectedVersion::stream_exists(), true),
                                        std::pair(ExpectedVersion::exactly({6}), true)}) {
    const auto checked = store().append({.checks = {{.stream = "s", .expected = expected}}});
    EXPECT_EQ(checked.has_value(), holds);
  }
}

TEST_P(Retained, ByACountInASnapshotCountsFromItsEnd) {
  retain({.max_count = 2});
  const auto cursor = value_of(store().read({.selector = SelectStream{"s"}}));
  value_of(store().append(append_to("s", ExpectedVersion::any(), 2)));
  EXPECT_EQ(value_of(cursor->next()).front().version, StreamVersion{5});
}

TEST_P(Retained, MayBeSetBeforeTheFirstEvent) {
  EXPECT_TRUE(
      value_of(store().set_retention("t", {.max_count = 1}, ExpectedVersion::no_stream())).changed);
  value_of(store().append(append_to("t", ExpectedVersion::no_stream(), 3)));
  EXPECT_EQ(versions_of(read_stream(store(), "t")), (Numbers{3}));
}

TEST_P(Retained, OfAnEmptyStreamMayBeReplaced) {
  const auto append = [&](std::string json) {
    NewEvent event = event_of("$$t", "$metadata");
    event.data = std::move(json);
    return store().append({.events = {event}, .system = true}).has_value();
  };
  EXPECT_TRUE(append(R"({"$maxAge":60})"));
  EXPECT_TRUE(append(R"({"$maxCount":2})"));
  EXPECT_TRUE(append(R"({"$tb":1})"));
  EXPECT_TRUE(append(R"({"$maxCount":3})"));
  EXPECT_FALSE(append("{}"));
}

TEST_P(Retained, IsKeptWithTheMetadata) {
  value_of(store().set_stream_metadata("s", R"({"a":1})", ExpectedVersion::any()));
  const Retention both{.max_count = 3, .max_age = 24h};
  EXPECT_EQ(retain(both).version, StreamVersion{2});
  EXPECT_EQ(metadata().retention, both);
  EXPECT_EQ(metadata().json, R"({"a":1})");
  EXPECT_FALSE(retain(both).changed);
  EXPECT_EQ(read_stream(store(), "$$s").back().data, R"({"$maxCount":3,"$maxAge":86400,"a":1})");
  value_of(store().set_stream_metadata("s", "{}", ExpectedVersion::any()));
  EXPECT_EQ(metadata().retention, both);
}

TEST_P(Retained, BringsNothingBackWhenItIsRelaxed) {
  retain({.max_count = 2});
  retain({.max_count = 4});
  EXPECT_EQ(versions(), (Numbers{5, 6}));
  EXPECT_EQ(metadata().truncate_before, StreamVersion{5});
  EXPECT_EQ(positions_of(read_events(store())), (Numbers{5, 6}));
  retain({.max_count = 1});
  EXPECT_EQ(versions(), (Numbers{6}));
  retain({});
  EXPECT_EQ(versions(), (Numbers{6}));
  EXPECT_EQ(metadata().retention, Retention{});
  EXPECT_EQ(metadata().truncate_before, StreamVersion{6});
  value_of(store().append(append_to("s", ExpectedVersion::any(), 3)));
  EXPECT_EQ(versions(), (Numbers{6, 7, 8, 9}));
}

TEST_P(Retained, HidesNothingBeforeThereIsTooMuch) {
  retain({.max_count = 6, .max_age = 1000h});
  EXPECT_EQ(versions().size(), 6u);
  retain({.max_age = std::chrono::seconds::max()});
  EXPECT_EQ(versions().size(), 6u);
  retain({});
  EXPECT_EQ(versions().size(), 6u);
  EXPECT_EQ(positions_of(read_events(store())).size(), 6u);
}

TEST_P(Retained, IsRefusedWhereItIsNone) {
  EXPECT_EQ(code_of(store().set_retention("s", {.max_count = 0}, ExpectedVersion::any())),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(store().set_retention("s", {.max_count = UINT64_MAX}, ExpectedVersion::any())),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(store().set_retention("s", {.max_age = 0s}, ExpectedVersion::any())),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(store().set_retention("s", {.max_age = -1s}, ExpectedVersion::any())),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(value_of(store().head()), GlobalPosition{6});
}

TEST_P(Retained, ByMetadataThatIsAppendedOnlyGrows) {
  value_of(append_metadata(R"({"$maxCount":3})"));
  EXPECT_EQ(versions(), (Numbers{4, 5, 6}));
  EXPECT_EQ(code_of(append_metadata("{}")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append_metadata(R"({"$maxCount":4})")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append_metadata(R"({"$maxCount":4,"$tb":3})")), ErrorCode::InvalidArgument);
  value_of(append_metadata(R"({"$maxCount":2})"));
  value_of(append_metadata(R"({"$maxCount":4,"$tb":5})"));
  EXPECT_EQ(versions(), (Numbers{5, 6}));
}

}  // namespace
}  // namespace eventstore::test
