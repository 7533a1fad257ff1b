#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

// The store of every case, by position:
//   1 seat-1 Reserved  show:a seat:1
//   2 seat-2 Reserved  show:a seat:2
//   3 seat-1 Released  show:a seat:1
//   4 $admin $Audited  show:a seat:3   the store's own
//   5 seat-4 $Checked  seat:4          the store's own by its type
//   6 note-1 Written   (no tags)
class Condition : public EngineTest {
 protected:
  void SetUp() override {
    value_of(store().append({.events = {reserved(1), reserved(2)}}));
    value_of(
        store().append({.events = {tagged_event_of("seat-1", "Released", {"show:a", "seat:1"})}}));
    value_of(store().append({.events = {tagged_event_of("$admin", "$Audited", {"show:a", "seat:3"}),
                                        tagged_event_of("seat-4", "$Checked", {"seat:4"})},
                             .system = true}));
    value_of(store().append({.events = {event_of("note-1", "Written")}}));
  }

  static NewEvent reserved(int seat) {
    const auto number = std::to_string(seat);
    return tagged_event_of("seat-" + number, "Reserved", {"show:a", "seat:" + number});
  }

  Result<AppendResult> append_unless(Query query, std::uint64_t after) {
    return store().append({.events = {event_of("new-1", "Tried")},
                           .condition = AppendCondition{std::move(query), {after}}});
  }

  // The position that a refused append names; 0 where the append succeeds, which is then undone as
  // far as later conditions go: its events match none of them.
  std::uint64_t conflict_of(std::vector<QueryItem> items, std::uint64_t after) {
    const auto head = value_of(store().head());
    const auto result = append_unless(Query::of(std::move(items)), after);
    if (result) return 0;
    EXPECT_EQ(result.error().code, ErrorCode::AppendConditionFailed) << result.error().message;
    EXPECT_EQ(value_of(store().head()), head) << "a refused append wrote something";
    return details_of<ConditionConflict>(result.error()).position.value;
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Condition, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Condition, FailsOnAnEventOfOneOfItsTypes) {
  EXPECT_EQ(conflict_of({{.types = {"Reserved"}}}, 0), 1u);
  EXPECT_EQ(conflict_of({{.types = {"Reserved"}}}, 1), 2u);
  EXPECT_EQ(conflict_of({{.types = {"Released", "Reserved"}}}, 2), 3u);
  EXPECT_EQ(conflict_of({{.types = {"Cancelled", "Moved"}}}, 0), 0u);
}

TEST_P(Condition, FailsOnAnEventWithAllOfItsTags) {
  EXPECT_EQ(conflict_of({{.tags = {"seat:2"}}}, 0), 2u);
  EXPECT_EQ(conflict_of({{.tags = {"seat:2", "show:a"}}}, 0), 2u);
  EXPECT_EQ(conflict_of({{.tags = {"seat:1", "seat:2"}}}, 0), 0u);
  EXPECT_EQ(conflict_of({{.tags = {"show:b"}}}, 0), 0u);
}

TEST_P(Condition, FailsOnAnEventWithTypeAndTags) {
  EXPECT_EQ(conflict_of({{.types = {"Released"}, .tags = {"show:a"}}}, 0), 3u);
  EXPECT_EQ(conflict_of({{.types = {"Released"}, .tags = {"seat:2"}}}, 0), 0u);
}

TEST_P(Condition, FailsOnAnyOfSeveralItemsAndNamesTheFirstEvent) {
  EXPECT_EQ(conflict_of({{.types = {"Released"}}, {.tags = {"seat:2"}}}, 0), 2u);
  EXPECT_EQ(conflict_of({{.tags = {"seat:9"}}, {.types = {"Written"}}}, 0), 6u);
}

TEST_P(Condition, HoldsWhereMatchesLieNotAfterItsPosition) {
  EXPECT_EQ(conflict_of({{.types = {"Reserved"}}}, 2), 0u);
  EXPECT_EQ(conflict_of({{.tags = {"seat:1"}}}, 3), 0u);
}

TEST_P(Condition, OnAllFailsOnAnyEventOfUsers) {
  const auto error = error_of(append_unless(Query::everything(), 3));
  EXPECT_EQ(error.code, ErrorCode::AppendConditionFailed);
  EXPECT_EQ(details_of<ConditionConflict>(error).position, GlobalPosition{6});
  EXPECT_TRUE(append_unless(Query::everything(), 6).has_value());
}

TEST_P(Condition, NeverMatchesTheStoresOwnEvents) {
  EXPECT_EQ(conflict_of({{.tags = {"seat:3"}}}, 0), 0u);
  EXPECT_EQ(conflict_of({{.tags = {"seat:4"}}}, 0), 0u);
  EXPECT_EQ(conflict_of({{.types = {"$Audited"}}}, 0), 0u);
  EXPECT_EQ(conflict_of({{.types = {"$Checked"}}}, 0), 0u);
}

TEST_P(Condition, MayBeAfterTheHeadButNotBeyondIt) {
  EXPECT_EQ(code_of(append_unless(Query::everything(), 7)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append_unless(Query::everything(), UINT64_MAX)), ErrorCode::InvalidArgument);
  EXPECT_EQ(value_of(store().head()), GlobalPosition{6});
  EXPECT_TRUE(append_unless(Query::everything(), 6).has_value());
}

TEST_P(Condition, IsNotAboutTheEventsOfItsOwnAppend) {
  const auto result =
      store().append({.events = {reserved(7), reserved(7)},
                      .condition = AppendCondition{Query::of({{.tags = {"seat:7"}}}), {0}}});
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(conflict_of({{.tags = {"seat:7"}}}, 0), 7u);
}

TEST_P(Condition, CanBeAllThatARequestAsks) {
  const auto held = value_of(
      store().append({.condition = AppendCondition{Query::of({{.tags = {"seat:2"}}}), {2}}}));
  EXPECT_EQ(held.last_position, GlobalPosition{6});
  EXPECT_EQ(code_of(store().append(
                {.condition = AppendCondition{Query::of({{.tags = {"seat:2"}}}), {1}}})),
            ErrorCode::AppendConditionFailed);
}

TEST_P(Condition, WithAnEmptyItemOrNoneIsRefused) {
  EXPECT_EQ(code_of(append_unless(Query{}, 0)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append_unless(Query::of({QueryItem{}}), 0)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append_unless(Query::of({{.types = {"A"}}, QueryItem{}}), 0)),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append_unless(Query{.all = true, .items = {{.types = {"A"}}}}, 0)),
            ErrorCode::InvalidArgument);
}

TEST_P(Condition, HoldsFromTheHeadOfTheReadThatDecided) {
  const ReadRequest seats{.selector = Query::of({{.types = {"Reserved"}}})};
  const auto decided_at = value_of(try_read(store(), seats)).head;
  value_of(store().append({.events = {event_of("note-2", "Written")}}));
  EXPECT_EQ(conflict_of({{.types = {"Reserved"}}}, decided_at.value), 0u);

  value_of(store().append({.events = {reserved(8)}}));
  EXPECT_EQ(conflict_of({{.types = {"Reserved"}}}, decided_at.value), 9u);
}

}  // namespace
}  // namespace eventstore::test
