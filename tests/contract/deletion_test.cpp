#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "contract/deletion_fixture.hpp"

// Truncating and deleting streams. Tombstones and retention have files of their own.
namespace eventstore::test {
namespace {

class Deletion : public DeletionTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Deletion, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Deletion, OfAStreamsBeginningHidesItFromReadsOfTheStream) {
  truncate(4);
  EXPECT_EQ(versions(), (Numbers{4, 5, 6, 7, 8}));
  EXPECT_EQ(versions({.direction = Direction::Backwards}), (Numbers{8, 7, 6, 5, 4}));
  EXPECT_EQ(versions({.from = 2, .to = 5}), (Numbers{4, 5}));
  EXPECT_EQ(versions({.direction = Direction::Backwards, .from = 5, .to = 2}), (Numbers{5, 4}));
  EXPECT_EQ(versions({.to = 3}), Numbers{});
  EXPECT_EQ(versions({.limit = 2}), (Numbers{4, 5}));
  EXPECT_EQ(versions({.types = {"Placed"}}), (Numbers{4, 5, 6, 7, 8}));
  EXPECT_EQ(versions_of(read_stream(store(), "order-2")).size(), 8u);
}

TEST_P(Deletion, OfAStreamsBeginningHidesItFromEveryOtherRead) {
  truncate(6);
  const Numbers left = {2, 4, 6, 8, 10, 11, 12, 13, 14, 15, 16};
  const Numbers reversed(left.rbegin(), left.rend());
  const Query by_tag = Query::of({{.tags = {"x"}}});
  EXPECT_EQ(positions({}), left);
  EXPECT_EQ(positions({.direction = Direction::Backwards}), reversed);
  EXPECT_EQ(positions({.selector = SelectCategory{"order"}}), left);
  EXPECT_EQ(positions({.selector = SelectCategory{"order"}, .direction = Direction::Backwards}),
            reversed);
  EXPECT_EQ(positions({.selector = by_tag}), left);
  EXPECT_EQ(positions({.selector = by_tag, .direction = Direction::Backwards}), reversed);
  EXPECT_EQ(positions({.types = {"Placed"}}), left);
  EXPECT_EQ(positions({.from = 3, .to = 6}), (Numbers{4, 6}));
  EXPECT_EQ(positions({.limit = 3}), (Numbers{2, 4, 6}));
  EXPECT_EQ(positions({.stream_prefix = "order-1"}), (Numbers{11, 13, 15}));
}

TEST_P(Deletion, LeavesACursorThatWasOpenedBeforeItAlone) {
  const auto cursor = value_of(store().read({.selector = SelectStream{"order-1"}}));
  const auto all = value_of(store().read({}));
  truncate(5);
  EXPECT_EQ(value_of(cursor->next()).front().version, StreamVersion{1});
  EXPECT_EQ(value_of(all->next()).front().position, GlobalPosition{1});
}

TEST_P(Deletion, IsToldByTheStreamsInformation) {
  truncate(6);
  const StreamInfo expected{.stream = "order-1",
                            .version = {8},
                            .first_version = {6},
                            .events = 3,
                            .first_position = {11},
                            .last_position = {15}};
  EXPECT_EQ(info(), expected);
  EXPECT_EQ(value_of(store().list_streams({.prefix = "order-1"})),
            (std::vector<StreamInfo>{expected}));
}

TEST_P(Deletion, IsCountedByTheStore) {
  const auto before = value_of(store().stats());
  truncate(6);
  auto after = value_of(store().stats());
  EXPECT_EQ(after.events, before.events - 5 + 1);  // the metadata is an event, too
  EXPECT_EQ(after.streams, before.streams + 1);
  delete_stream();
  after = value_of(store().stats());
  EXPECT_EQ(after.events, before.events - 8 + 2);
  EXPECT_EQ(after.streams, before.streams);
  tombstone();
  after = value_of(store().stats());
  EXPECT_EQ(after.events, before.events - 8 + 3);
  EXPECT_EQ(after.events, read_everything(store()).size());
  EXPECT_EQ(after.streams, before.streams);
}

TEST_P(Deletion, IsSeenByReadsOfTheStoresOwnEvents) {
  const auto truncated = truncate(3);
  EXPECT_EQ(truncated.version, StreamVersion{1});
  EXPECT_EQ(truncated.position, GlobalPosition{17});
  EXPECT_TRUE(truncated.changed);
  const auto tombstoned = tombstone();
  EXPECT_EQ(tombstoned.version, StreamVersion{9});
  EXPECT_EQ(tombstoned.position, GlobalPosition{18});
  const auto events = read_events(store(), {.from = 17, .include_system = true});
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].stream, "$$order-1");
  EXPECT_EQ(events[0].type, "$metadata");
  EXPECT_EQ(events[0].data, R"({"$tb":3})");
  EXPECT_EQ(events[1].stream, "order-1");
  EXPECT_EQ(events[1].type, "$tombstone");
}

TEST_P(Deletion, OnlyGrows) {
  truncate(5);
  const auto again = truncate(3);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.version, StreamVersion{1});
  EXPECT_EQ(versions(), (Numbers{5, 6, 7, 8}));
  EXPECT_FALSE(truncate(5).changed);
  EXPECT_TRUE(truncate(6).changed);
  EXPECT_EQ(versions(), (Numbers{6, 7, 8}));
}

TEST_P(Deletion, RefusesToTruncateWhatIsYetToCome) {
  EXPECT_EQ(code_of(store().truncate_stream("order-1", {10}, ExpectedVersion::any())),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(store().truncate_stream("absent", {2}, ExpectedVersion::any())),
            ErrorCode::InvalidArgument);
  EXPECT_TRUE(value_of(store().truncate_stream("absent", {1}, ExpectedVersion::any())).changed);
  truncate(9);
  EXPECT_EQ(versions(), Numbers{});
}

TEST_P(Deletion, IsMadeAtAnExpectedVersion) {
  const auto wrong = ExpectedVersion::exactly({7});
  for (const auto& refused :
       {store().truncate_stream("order-1", {3}, wrong), store().delete_stream("order-1", wrong),
        store().set_retention("order-1", {.max_count = 1}, wrong),
        store().tombstone_stream("order-1", wrong),
        store().delete_stream("order-1", ExpectedVersion::no_stream())}) {
    const auto conflict = details_of<VersionConflict>(error_of(refused));
    EXPECT_EQ(conflict.stream, "order-1");
    EXPECT_EQ(conflict.actual, StreamVersion{8});
  }
  EXPECT_EQ(value_of(store().head()), GlobalPosition{16});
  const auto right = ExpectedVersion::exactly({8});
  EXPECT_TRUE(value_of(store().truncate_stream("order-1", {3}, right)).changed);
  EXPECT_TRUE(value_of(store().delete_stream("order-1", ExpectedVersion::stream_exists())).changed);
  EXPECT_TRUE(value_of(store().tombstone_stream("order-1", right)).changed);
}

TEST_P(Deletion, HidesNothingFromFindAndRepetitions) {
  auto request = append_to("order-1", ExpectedVersion::any());
  request.events[0].id = id_of(1);
  const auto first = value_of(store().append(request));
  const std::vector ids = {id_of(1)};
  const auto there = std::vector<std::optional<EventLocation>>{
      EventLocation{.position = first.last_position, .version = {9}}};
  const auto is_remembered = [&] {
    const auto again = value_of(store().append(request));
    return again.repeated && again.last_position == first.last_position &&
           value_of(store().find("order-1", ids)) == there;
  };
  delete_stream();
  EXPECT_TRUE(is_remembered());
  tombstone();
  EXPECT_TRUE(is_remembered());
  request.events.push_back(event_of("order-1", "T", id_of(2)));
  EXPECT_EQ(code_of(store().append(request)), ErrorCode::EventIdConflict);
}

TEST_P(Deletion, HidesEventsFromConditions) {
  const auto unless = [&](Query query) {
    return store().append({.condition = AppendCondition{std::move(query), {0}}});
  };
  const auto conflict_of = [&](Query query) {
    return details_of<ConditionConflict>(error_of(unless(std::move(query)))).position;
  };
  value_of(store().append({.events = {tagged_event_of("order-1", "Paid", {"y"})}}));
  const Query paid = Query::of({{.types = {"Paid"}, .tags = {"y"}}});
  EXPECT_EQ(conflict_of(paid), GlobalPosition{17});
  EXPECT_EQ(conflict_of(Query::everything()), GlobalPosition{1});
  truncate(9);
  EXPECT_EQ(conflict_of(paid), GlobalPosition{17});
  EXPECT_EQ(conflict_of(Query::everything()), GlobalPosition{2});
  delete_stream();
  EXPECT_TRUE(unless(paid).has_value());
  value_of(store().append({.events = {tagged_event_of("order-1", "Paid", {"y"})}}));
  EXPECT_EQ(conflict_of(paid), GlobalPosition{20});
  tombstone();
  EXPECT_TRUE(unless(paid).has_value());
  EXPECT_EQ(conflict_of(Query::everything()), GlobalPosition{2});
}

TEST_P(Deletion, HoldsForTheNextInOneGroup) {
  // Sent without waiting, so that they may be one commit.
  NewEvent metadata = event_of("$$order-1", "$metadata");
  metadata.data = R"({"$tb":9})";
  std::vector<AppendRequest> requests;
  requests.push_back({.events = {metadata}, .system = true});
  requests.push_back(append_to("order-1", ExpectedVersion::no_stream()));
  requests.push_back({.events = {event_of("order-1", "$tombstone")}, .system = true});
  requests.push_back(append_to("order-1"));
  requests.push_back({.checks = {{.stream = "order-1", .expected = ExpectedVersion::any()}}});
  std::vector<Result<AppendResult>> answers(requests.size());
  for (std::size_t index = 0; index + 1 < requests.size(); ++index) {
    store().append_async(requests[index], [&, index](Result<AppendResult> answer) {
      answers[index] = std::move(answer);
    });
  }
  answers.back() = store().append(requests.back());
  close();
  EXPECT_TRUE(answers[0].has_value());
  EXPECT_EQ(value_of(answers[1]).streams.front().version, StreamVersion{9});
  EXPECT_TRUE(answers[2].has_value());
  EXPECT_EQ(code_of(answers[3]), ErrorCode::StreamDeleted);
  EXPECT_TRUE(answers[4].has_value());
}

TEST_P(Deletion, OfAllEventsLeavesNoStreamButItsVersion) {
  EXPECT_TRUE(delete_stream().changed);
  EXPECT_EQ(versions(), Numbers{});
  EXPECT_EQ(positions({}), (Numbers{2, 4, 6, 8, 10, 12, 14, 16}));
  const StreamInfo expected{.stream = "order-1",
                            .version = {8},
                            .first_version = {9},
                            .events = 0,
                            .first_position = {0},
                            .last_position = {15},
                            .state = StreamState::Deleted};
  EXPECT_EQ(info(), expected);
  EXPECT_EQ(names(), (std::vector<std::string>{"order-2"}));
  EXPECT_EQ(names({.include_deleted = true}), (std::vector<std::string>{"order-1", "order-2"}));
  EXPECT_EQ(names({.limit = 1}), (std::vector<std::string>{"order-2"}));
  EXPECT_EQ(value_of(store().list_streams({.limit = 1, .include_deleted = true})),
            (std::vector<StreamInfo>{expected}));
}

TEST_P(Deletion, OfAllEventsMeetsTheExpectationOfNoStream) {
  delete_stream();
  EXPECT_TRUE(check(ExpectedVersion::no_stream()).has_value());
  EXPECT_TRUE(check(ExpectedVersion::exactly({0})).has_value());
  EXPECT_TRUE(check(ExpectedVersion::exactly({8})).has_value());
  EXPECT_TRUE(check(ExpectedVersion::any()).has_value());
  EXPECT_EQ(code_of(check(ExpectedVersion::exactly({7}))), ErrorCode::WrongExpectedVersion);
  const auto conflict =
      details_of<VersionConflict>(error_of(check(ExpectedVersion::stream_exists())));
  EXPECT_EQ(conflict.actual, StreamVersion{8});
}

TEST_P(Deletion, OfAllEventsLetsTheStreamBeginAgain) {
  delete_stream();
  const auto appended = value_of(append(ExpectedVersion::no_stream()));
  EXPECT_EQ(appended.streams.front().version, StreamVersion{9});
  EXPECT_EQ(versions(), (Numbers{9}));
  EXPECT_EQ(code_of(check(ExpectedVersion::no_stream())), ErrorCode::WrongExpectedVersion);
  EXPECT_TRUE(check(ExpectedVersion::stream_exists()).has_value());
  EXPECT_TRUE(check(ExpectedVersion::exactly({9})).has_value());
  const auto again = info();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->state, StreamState::Live);
  EXPECT_EQ(again->events, 1u);
  EXPECT_EQ(again->first_position, appended.last_position);
  EXPECT_EQ(names(), (std::vector<std::string>{"order-1", "order-2"}));
  EXPECT_TRUE(delete_stream().changed);
  EXPECT_EQ(value_of(append(ExpectedVersion::no_stream())).streams.front().version,
            StreamVersion{10});
}

TEST_P(Deletion, OfWhatIsNotThereChangesNothing) {
  delete_stream();
  const auto head = value_of(store().head());
  EXPECT_FALSE(delete_stream().changed);
  EXPECT_FALSE(value_of(store().delete_stream("absent", ExpectedVersion::any())).changed);
  EXPECT_FALSE(value_of(store().delete_stream("absent", ExpectedVersion::no_stream())).changed);
  for (const char* stream : {"absent", "order-1"}) {
    EXPECT_EQ(code_of(store().delete_stream(stream, ExpectedVersion::stream_exists())),
              ErrorCode::WrongExpectedVersion);
  }
  EXPECT_EQ(value_of(store().head()), head);
  EXPECT_EQ(value_of(store().stream_info("absent")), std::nullopt);
}

TEST_P(Deletion, IsNotForTheMetadataOfStreams) {
  value_of(store().set_stream_metadata("order-1", "{}", ExpectedVersion::any()));
  const auto any = ExpectedVersion::any();
  EXPECT_EQ(code_of(store().tombstone_stream("$$order-1", any)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(store().delete_stream("$$order-1", any)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(store().truncate_stream("$$order-1", {1}, any)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(store().set_retention("$$order-1", {.max_count = 1}, any)),
            ErrorCode::InvalidArgument);
  NewEvent metadata = event_of("$$$$order-1", "$metadata");
  metadata.data = R"({"$tb":2})";
  EXPECT_EQ(code_of(store().append({.events = {metadata}, .system = true})),
            ErrorCode::InvalidArgument);
}

TEST_P(Deletion, MayBeOfTheStoresOwnStreams) {
  value_of(store().append({.events = {event_of("$audit"), event_of("$audit")}, .system = true}));
  value_of(store().truncate_stream("$audit", {2}, ExpectedVersion::any()));
  EXPECT_EQ(versions_of(read_stream(store(), "$audit")), (Numbers{2}));
  value_of(store().tombstone_stream("$audit", ExpectedVersion::any()));
  EXPECT_EQ(read_stream(store(), "$audit").size(), 0u);
}

TEST_P(Deletion, IsStatedByMetadataThatIsAppended) {
  value_of(append_metadata(R"({"owner":"me","$tb":4})"));
  EXPECT_EQ(versions(), (Numbers{4, 5, 6, 7, 8}));
  const auto metadata = value_of(store().stream_metadata("order-1"));
  EXPECT_EQ(metadata.json, R"({"owner":"me"})");
  EXPECT_EQ(metadata.truncate_before, StreamVersion{4});
  EXPECT_EQ(code_of(append_metadata(R"({"$tb":3})")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append_metadata(R"({"owner":"me"})")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append_metadata(R"({"$maxCount":2})")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append_metadata(R"({"$tb":10})")), ErrorCode::InvalidArgument);
  value_of(append_metadata(R"({"$tb":9})"));
  EXPECT_EQ(info()->state, StreamState::Deleted);
}

TEST_P(Deletion, RefusesBoundsThatAreNone) {
  for (const char* json :
       {R"({"$tb":-1})", R"({"$tb":1.5})", R"({"$tb":"1"})", R"({"$tb":null})", R"({"$tb":0})",
        R"({"$tb":1e0})", R"({"$tb":9223372036854775808})", R"({"$tb":1,"$tb":2})",
        R"({"$maxCount":0})", R"({"$maxAge":-5})", R"({"$maxAge":true})", R"({"\u0024tb":[]})"}) {
    EXPECT_EQ(code_of(append_metadata(json)), ErrorCode::InvalidArgument) << json;
  }
  EXPECT_EQ(value_of(store().head()), GlobalPosition{16});
}

TEST_P(Deletion, LeavesTheRestOfTheMetadataAlone) {
  const std::string users = R"({ "owner" : "me" })";
  value_of(store().set_stream_metadata("order-1", users, ExpectedVersion::any()));
  truncate(3);
  EXPECT_EQ(value_of(store().stream_metadata("order-1")).json, users);
  EXPECT_EQ(value_of(store().stream_metadata("order-1")).version, StreamVersion{2});
  value_of(store().set_stream_metadata("order-1", "{ }", ExpectedVersion::exactly({2})));
  const auto metadata = value_of(store().stream_metadata("order-1"));
  EXPECT_EQ(metadata.json, "{ }");
  EXPECT_EQ(metadata.truncate_before, StreamVersion{3});
  EXPECT_EQ(versions().front(), 3u);
  // Keys of the store's own that are no bounds stay, too.
  value_of(append_metadata(R"({"$tb":3,"$later":[1]})"));
  truncate(4);
  value_of(store().set_stream_metadata("order-1", R"({"a":1})", ExpectedVersion::any()));
  EXPECT_EQ(read_stream(store(), "$$order-1").back().data, R"({"$tb":4,"$later":[1],"a":1})");
}

TEST_P(Deletion, OfManyAtOnceIsOneAfterAnother) {
  constexpr std::uint64_t kThreads = 4;
  std::vector<std::jthread> threads;
  for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      for (std::uint64_t round = 0; round < 20; ++round) {
        static_cast<void>(append());
        if (thread % 2 == 0) {
          static_cast<void>(delete_stream());
        } else {
          const auto key = std::to_string(thread);
          value_of(store().set_stream_metadata("order-1", "{\"" + key + "\":1}",
                                               ExpectedVersion::any()));
        }
      }
    });
  }
  threads.clear();
  delete_stream();
  EXPECT_EQ(versions(), Numbers{});
  EXPECT_EQ(info()->version, StreamVersion{8 + kThreads * 20});
}

}  // namespace
}  // namespace eventstore::test
