#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "contract/deletion_fixture.hpp"

namespace eventstore::test {
namespace {

class Tombstone : public DeletionTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Tombstone, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Tombstone, LeavesNothingToRead) {
  tombstone();
  EXPECT_EQ(versions(), Numbers{});
  EXPECT_EQ(versions({.direction = Direction::Backwards, .include_system = true}), Numbers{});
  EXPECT_EQ(positions({}), (Numbers{2, 4, 6, 8, 10, 12, 14, 16}));
  EXPECT_EQ(positions({.selector = SelectCategory{"order"}, .include_system = true}),
            (Numbers{2, 4, 6, 8, 10, 12, 14, 16, 17}));
  const StreamInfo expected{.stream = "order-1",
                            .version = {9},
                            .first_version = {10},
                            .events = 0,
                            .first_position = {0},
                            .last_position = {17},
                            .state = StreamState::Tombstoned};
  EXPECT_EQ(info(), expected);
  EXPECT_EQ(names(), (std::vector<std::string>{"order-2"}));
  EXPECT_EQ(value_of(store().list_streams({.limit = 1, .include_deleted = true})),
            (std::vector<StreamInfo>{expected}));
}

TEST_P(Tombstone, RefusesAppendsAndChecks) {
  tombstone();
  const auto head = value_of(store().head());
  for (const auto& expected :
       {ExpectedVersion::no_stream(), ExpectedVersion::stream_exists(),
        ExpectedVersion::exactly({0}), ExpectedVersion::exactly({9}), ExpectedVersion::any()}) {
    EXPECT_EQ(details_of<DeletedStream>(error_of(append(expected))).stream, "order-1");
    if (expected.kind() == ExpectedVersion::Kind::Any) continue;
    EXPECT_EQ(code_of(check(expected)), ErrorCode::StreamDeleted);
  }
  EXPECT_TRUE(check(ExpectedVersion::any()).has_value());
  EXPECT_EQ(code_of(store().append({.events = {event_of("order-2"), event_of("order-1")}})),
            ErrorCode::StreamDeleted);
  EXPECT_EQ(value_of(store().head()), head);
}

TEST_P(Tombstone, IsTheLastThatCanBeDone) {
  tombstone();
  const auto any = ExpectedVersion::any();
  EXPECT_EQ(code_of(store().tombstone_stream("order-1", any)), ErrorCode::StreamDeleted);
  EXPECT_EQ(code_of(store().delete_stream("order-1", any)), ErrorCode::StreamDeleted);
  EXPECT_EQ(code_of(store().truncate_stream("order-1", {1}, any)), ErrorCode::StreamDeleted);
  EXPECT_EQ(code_of(store().truncate_stream("order-1", {99}, any)), ErrorCode::StreamDeleted);
  EXPECT_EQ(code_of(store().set_retention("order-1", {}, any)), ErrorCode::StreamDeleted);
  EXPECT_EQ(code_of(store().set_stream_metadata("order-1", "{}", any)), ErrorCode::StreamDeleted);
  EXPECT_EQ(code_of(append_metadata("{}")), ErrorCode::StreamDeleted);
}

TEST_P(Tombstone, MayComeBeforeTheFirstEvent) {
  const auto change = value_of(store().tombstone_stream("absent", ExpectedVersion::no_stream()));
  EXPECT_EQ(change.version, StreamVersion{1});
  EXPECT_EQ(code_of(store().append(append_to("absent"))), ErrorCode::StreamDeleted);
  EXPECT_EQ(value_of(store().stream_info("absent"))->state, StreamState::Tombstoned);
}

TEST_P(Tombstone, HoldsWithinOneAppend) {
  const auto tombstone_event = event_of("order-1", "$tombstone");
  NewEvent metadata = event_of("$$order-1", "$metadata");
  metadata.data = R"({"$tb":2})";
  for (const auto& events :
       {std::vector{tombstone_event, event_of("order-1")},
        std::vector{tombstone_event, tombstone_event}, std::vector{tombstone_event, metadata}}) {
    EXPECT_EQ(code_of(store().append({.events = events, .system = true})),
              ErrorCode::StreamDeleted);
  }
  EXPECT_EQ(versions().size(), 8u);
  value_of(
      store().append({.events = {event_of("order-1"), metadata, tombstone_event}, .system = true}));
  EXPECT_EQ(info()->version, StreamVersion{10});
  EXPECT_EQ(code_of(append()), ErrorCode::StreamDeleted);
}

}  // namespace
}  // namespace eventstore::test
