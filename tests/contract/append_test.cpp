#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

class Append : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Append, testing::ValuesIn(all_engines()), engine_name);

std::vector<std::uint64_t> numbers(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

TEST_P(Append, AnswersWithPositionsAndVersions) {
  const auto first = value_of(store().append(append_to("order-1", ExpectedVersion::any(), 2)));
  EXPECT_EQ(first.first_position, GlobalPosition{1});
  EXPECT_EQ(first.last_position, GlobalPosition{2});
  EXPECT_EQ(first.streams, (std::vector<StreamOutcome>{{"order-1", {2}}}));
  EXPECT_FALSE(first.repeated);

  const auto second = value_of(store().append(append_to("order-2")));
  EXPECT_EQ(second.first_position, GlobalPosition{3});
  EXPECT_EQ(second.last_position, GlobalPosition{3});
}

TEST_P(Append, IsVisibleOnceItIsAcknowledged) {
  for (std::uint64_t round = 1; round <= 50; ++round) {
    const auto result = value_of(store().append(append_to("order-1")));
    EXPECT_EQ(value_of(store().head()), result.last_position);
    EXPECT_EQ(read_stream(store(), "order-1").size(), round);
  }
}

TEST_P(Append, KeepsTheOrderOfInterleavedStreams) {
  AppendRequest request;
  for (const char* stream : {"b", "a", "b", "c", "a", "b"}) {
    request.events.push_back(event_of(stream));
  }
  const auto result = value_of(store().append(std::move(request)));
  EXPECT_EQ(result.streams, (std::vector<StreamOutcome>{{"b", {3}}, {"a", {2}}, {"c", {1}}}));

  const auto events = read_events(store());
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(positions_of(events), numbers(1, 6));
  EXPECT_EQ(versions_of(events), (std::vector<std::uint64_t>{1, 1, 2, 1, 2, 3}));
  EXPECT_EQ(positions_of(read_stream(store(), "b")), (std::vector<std::uint64_t>{1, 3, 6}));
}

TEST_P(Append, MarksTheLastEventOfEachAppend) {
  value_of(store().append({.events = {event_of("a"), event_of("b"), event_of("a")}}));
  value_of(store().append({.events = {event_of("b")}}));
  std::vector<bool> last;
  for (const auto& event : read_events(store())) last.push_back(event.last_of_append);
  EXPECT_EQ(last, (std::vector<bool>{false, false, true, true}));
}

TEST_P(Append, WritesNothingWhereOneOfManyStreamsIsInTheWay) {
  value_of(store().append(append_to("taken")));
  AppendRequest request{.events = {event_of("a"), event_of("taken"), event_of("b")},
                        .checks = {{"a", ExpectedVersion::no_stream()},
                                   {"taken", ExpectedVersion::no_stream()},
                                   {"b", ExpectedVersion::no_stream()}}};
  EXPECT_EQ(code_of(store().append(request)), ErrorCode::WrongExpectedVersion);
  EXPECT_EQ(value_of(store().head()), GlobalPosition{1});
  EXPECT_TRUE(read_stream(store(), "a").empty());
  EXPECT_TRUE(read_stream(store(), "b").empty());
  EXPECT_EQ(read_stream(store(), "taken").size(), 1u);
}

TEST_P(Append, GivesContiguousVersionsWhateverFailsBetween) {
  for (std::uint64_t version = 0; version < 20; ++version) {
    EXPECT_EQ(code_of(store().append(append_to("s", ExpectedVersion::exactly({version + 1})))),
              ErrorCode::WrongExpectedVersion);
    value_of(store().append(append_to("s", ExpectedVersion::exactly({version}))));
  }
  EXPECT_EQ(versions_of(read_stream(store(), "s")), numbers(1, 20));
  EXPECT_EQ(positions_of(read_events(store())), numbers(1, 20));
}

TEST_P(Append, TakesAThousandEventsInOneRequest) {
  AppendRequest request;
  for (std::size_t index = 0; index < 1000; ++index) {
    request.events.push_back(event_of("s-" + std::to_string(index % 7)));
  }
  const auto result = value_of(store().append(std::move(request)));
  EXPECT_EQ(result.last_position, GlobalPosition{1000});
  EXPECT_EQ(result.streams.size(), 7u);
  EXPECT_EQ(positions_of(read_events(store())), numbers(1, 1000));
}

TEST_P(Append, MakesUniqueIdsOfVersionSevenWhereNoneIsGiven) {
  for (int round = 0; round < 20; ++round) {
    value_of(store().append(append_to("s", ExpectedVersion::any(), 10)));
  }
  std::set<Uuid> ids;
  for (const auto& event : read_events(store())) {
    EXPECT_FALSE(event.id.is_nil());
    EXPECT_EQ(event.id.to_string()[14], '7') << event.id.to_string();
    ids.insert(event.id);
  }
  EXPECT_EQ(ids.size(), 200u);
}

TEST_P(Append, RefusesTheNilId) {
  EXPECT_EQ(code_of(store().append({.events = {event_of("s", "Happened", Uuid{})}})),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
}

TEST_P(Append, RefusesARequestThatAsksForNothing) {
  EXPECT_EQ(code_of(store().append({})), ErrorCode::InvalidArgument);
}

TEST_P(Append, RecordsTimesThatNeverDecrease) {
  for (int round = 0; round < 100; ++round) value_of(store().append(append_to("s")));
  const auto events = read_events(store());
  for (std::size_t index = 1; index < events.size(); ++index) {
    EXPECT_LE(events[index - 1].recorded_at, events[index].recorded_at) << "event " << index;
  }
}

TEST_P(Append, RecordsTheTimeOfTheWallClock) {
  const auto now = [] {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  };
  const Timestamp before = now();
  value_of(store().append(append_to("s")));
  const Timestamp recorded = read_events(store()).front().recorded_at;
  EXPECT_GE(recorded, before - std::chrono::seconds(5));
  EXPECT_LE(recorded, now() + std::chrono::seconds(5));
}

}  // namespace
}  // namespace eventstore::test
