#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

class Idempotency : public EngineTest {
 protected:
  // The events of stream "s" with these ids.
  static AppendRequest ids(std::vector<std::uint64_t> numbers) {
    AppendRequest request;
    for (const auto number : numbers) {
      request.events.push_back(event_of("s", "Happened", id_of(number)));
    }
    return request;
  }

  // Appends what must be there already.
  AppendResult repeat(AppendRequest request) {
    const auto head = value_of(store().head());
    auto result = value_of(store().append(std::move(request)));
    EXPECT_TRUE(result.repeated);
    EXPECT_EQ(value_of(store().head()), head) << "a repetition wrote something";
    return result;
  }

  IdConflict conflict_of(AppendRequest request) {
    const auto head = value_of(store().head());
    const auto error = error_of(store().append(std::move(request)));
    EXPECT_EQ(error.code, ErrorCode::EventIdConflict) << error.message;
    EXPECT_FALSE(error.is_retryable());
    EXPECT_EQ(value_of(store().head()), head) << "a refused append wrote something";
    return details_of<IdConflict>(error);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Idempotency, testing::ValuesIn(all_engines()), engine_name);

void expect_same_outcome(const AppendResult& first, const AppendResult& again) {
  EXPECT_EQ(first.first_position, again.first_position);
  EXPECT_EQ(first.last_position, again.last_position);
  EXPECT_EQ(first.streams, again.streams);
}

TEST_P(Idempotency, AnswersTheSameRequestWithItsFirstOutcome) {
  value_of(store().append(append_to("before")));
  AppendRequest request{.events = {event_of("a", "Happened", id_of(1)),
                                   event_of("b", "Happened", id_of(2)),
                                   event_of("a", "Happened", id_of(3))}};
  const auto first = value_of(store().append(request));
  EXPECT_FALSE(first.repeated);
  value_of(store().append({.events = {event_of("a"), event_of("b")}}));

  expect_same_outcome(first, repeat(request));
  expect_same_outcome(first, repeat(request));
}

TEST_P(Idempotency, ComesBeforeExpectedVersions) {
  AppendRequest request = ids({1, 2});
  request.checks = {{"s", ExpectedVersion::no_stream()}};
  const auto first = value_of(store().append(request));
  for (const auto expected :
       {ExpectedVersion::no_stream(), ExpectedVersion::exactly({0}), ExpectedVersion::exactly({1}),
        ExpectedVersion::exactly({2}), ExpectedVersion::exactly({77}),
        ExpectedVersion::stream_exists(), ExpectedVersion::any()}) {
    request.checks = {{"s", expected}};
    expect_same_outcome(first, repeat(request));
  }
}

TEST_P(Idempotency, ComesBeforeChecksOnOtherStreams) {
  AppendRequest request = ids({1});
  const auto first = value_of(store().append(request));
  request.checks = {{"other", ExpectedVersion::stream_exists()}};
  expect_same_outcome(first, repeat(request));
}

TEST_P(Idempotency, ComesBeforeTheCondition) {
  AppendRequest request = ids({1});
  request.condition = AppendCondition{Query::of({{.types = {"Happened"}}}), {0}};
  const auto first = value_of(store().append(request));
  expect_same_outcome(first, repeat(request));
  request.condition = AppendCondition{Query::everything(), {0}};
  expect_same_outcome(first, repeat(request));
}

TEST_P(Idempotency, DoesNotCompareContents) {
  const auto first = value_of(store().append(ids({1})));
  AppendRequest other = ids({1});
  other.events[0].type = "Changed";
  other.events[0].data = R"({"other":true})";
  other.events[0].tags = {"other"};
  expect_same_outcome(first, repeat(other));
  EXPECT_EQ(read_stream(store(), "s").at(0).type, "Happened");
}

TEST_P(Idempotency, KnowsAPartOfAnAppend) {
  value_of(store().append(ids({1, 2, 3})));
  const auto middle = repeat(ids({2}));
  EXPECT_EQ(middle.first_position, GlobalPosition{2});
  EXPECT_EQ(middle.last_position, GlobalPosition{2});
  EXPECT_EQ(middle.streams, (std::vector<StreamOutcome>{{"s", {2}}}));
}

TEST_P(Idempotency, KnowsEventsOfSeveralAppendsInTheirOrder) {
  value_of(store().append(ids({1, 2})));
  value_of(store().append(append_to("between")));
  value_of(store().append(ids({3, 4})));
  const auto all = repeat(ids({1, 2, 3, 4}));
  EXPECT_EQ(all.first_position, GlobalPosition{1});
  EXPECT_EQ(all.last_position, GlobalPosition{5});
  EXPECT_EQ(all.streams, (std::vector<StreamOutcome>{{"s", {4}}}));
  EXPECT_EQ(repeat(ids({2, 4})).last_position, GlobalPosition{5});
}

TEST_P(Idempotency, RefusesAPartialOverlap) {
  value_of(store().append(append_to("before")));
  value_of(store().append(ids({1, 2})));
  for (const auto& numbers : {std::vector<std::uint64_t>{2, 3}, {3, 2}, {1, 2, 3}, {3, 1, 2}}) {
    const auto conflict = conflict_of(ids(numbers));
    EXPECT_EQ(conflict.stream, "s");
    ASSERT_TRUE(conflict.id == id_of(1) || conflict.id == id_of(2));
    EXPECT_EQ(conflict.position, GlobalPosition{conflict.id == id_of(1) ? 2u : 3u});
  }
}

TEST_P(Idempotency, RefusesAnotherOrder) {
  value_of(store().append(ids({1, 2, 3})));
  EXPECT_EQ(conflict_of(ids({2, 1})).stream, "s");
  EXPECT_EQ(conflict_of(ids({1, 3, 2})).stream, "s");
  EXPECT_EQ(conflict_of(ids({3, 2, 1})).stream, "s");
}

TEST_P(Idempotency, RefusesAnOverlapWithEventsThatHaveNoId) {
  value_of(store().append(ids({1})));
  AppendRequest request = ids({1});
  request.events.push_back(event_of("s"));
  EXPECT_EQ(conflict_of(request).id, id_of(1));
}

TEST_P(Idempotency, RefusesTheSameIdTwiceInOneRequest) {
  EXPECT_EQ(code_of(store().append(ids({1, 2, 1}))), ErrorCode::InvalidArgument);
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
}

TEST_P(Idempotency, IsPerStream) {
  value_of(store().append(ids({1})));
  AppendRequest elsewhere{
      .events = {event_of("t", "Happened", id_of(1)), event_of("u", "Happened", id_of(1))}};
  EXPECT_FALSE(value_of(store().append(elsewhere)).repeated);
  EXPECT_EQ(read_events(store()).size(), 3u);
  EXPECT_EQ(conflict_of({.events = {event_of("t", "Happened", id_of(1)),
                                    event_of("v", "Happened", id_of(1))}})
                .stream,
            "t");
}

TEST_P(Idempotency, KnowsIdsThatTheStoreMade) {
  const auto first = value_of(store().append(append_to("s")));
  const auto made = read_stream(store(), "s").at(0).id;
  expect_same_outcome(first, repeat({.events = {event_of("s", "Happened", made)}}));
}

TEST_P(Idempotency, HoldsForTheStoresOwnStreams) {
  AppendRequest request{.events = {event_of("$audit", "$Audited", id_of(1))}, .system = true};
  const auto first = value_of(store().append(request));
  expect_same_outcome(first, repeat(request));
}

TEST_P(Idempotency, LeavesNoTraceOfARefusedAppend) {
  AppendRequest request = ids({1});
  request.checks = {{"s", ExpectedVersion::exactly({5})}};
  EXPECT_EQ(code_of(store().append(request)), ErrorCode::WrongExpectedVersion);
  EXPECT_FALSE(value_of(store().append(ids({1}))).repeated);
}

TEST_P(Idempotency, FindsWhereIdsAre) {
  value_of(store().append(ids({1, 2})));
  value_of(store().append({.events = {event_of("t", "Happened", id_of(3))}}));
  const std::array<Uuid, 4> wanted = {id_of(2), id_of(9), id_of(1), id_of(3)};
  using Found = std::vector<std::optional<EventLocation>>;
  EXPECT_EQ(value_of(store().find("s", wanted)),
            (Found{EventLocation{{2}, {2}}, std::nullopt, EventLocation{{1}, {1}}, std::nullopt}));
  EXPECT_EQ(value_of(store().find("t", wanted)).at(3), (EventLocation{{3}, {1}}));
  EXPECT_EQ(value_of(store().find("absent", wanted)), Found(4));
  EXPECT_TRUE(value_of(store().find("s", {})).empty());
}

}  // namespace
}  // namespace eventstore::test
