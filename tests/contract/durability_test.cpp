#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

using std::chrono_literals::operator""s;

NewEvent sized_event_of(std::string stream, std::uint64_t number) {
  NewEvent event = tagged_event_of(std::move(stream), "T" + std::to_string(number % 3),
                                   {"n:" + std::to_string(number % 5)});
  event.id = id_of(number);
  event.data = '"' + std::string(number % 7 * 900, 'x') + '"';
  return event;
}

// What a store that was closed and opened again still knows.
class Reopened : public EngineTest {
 protected:
  static OpenOptions small_segments() { return {.segment_bytes_max = 64 << 10}; }

  AppendRequest request(std::uint64_t number) {
    return {.events = {sized_event_of("s-" + std::to_string(number % 4), 2 * number),
                       sized_event_of("t", 2 * number + 1)}};
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Reopened, testing::ValuesIn(persistent_engines()), engine_name);

TEST_P(Reopened, HasEveryAcknowledgedEvent) {
  reopen(small_segments());
  for (std::uint64_t number = 1; number <= 100; ++number) {
    value_of(store().append(request(number)));
    if (number % 10 != 0) continue;
    const auto before = read_everything(store());
    reopen(small_segments());
    ASSERT_EQ(read_everything(store()), before) << "after " << number << " appends";
    ASSERT_EQ(before.size(), 2 * number);
  }
}

TEST_P(Reopened, IsEmptyWhereItWas) {
  reopen();
  reopen();
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
  EXPECT_TRUE(read_everything(store()).empty());
}

TEST_P(Reopened, GoesOnWithPositionsVersionsAndTimes) {
  for (std::uint64_t round = 0; round < 10; ++round) {
    const auto result = value_of(store().append(append_to("s", ExpectedVersion::exactly({round}))));
    EXPECT_EQ(result.first_position, GlobalPosition{round + 1});
    reopen();
  }
  const auto events = read_events(store());
  for (std::size_t index = 1; index < events.size(); ++index) {
    EXPECT_LE(events[index - 1].recorded_at, events[index].recorded_at);
  }
}

TEST_P(Reopened, AnswersRepeatedRequestsWithTheirFirstOutcome) {
  reopen(small_segments());
  std::vector<AppendResult> first;
  for (std::uint64_t number = 1; number <= 100; ++number) {
    first.push_back(value_of(store().append(request(number))));
  }
  reopen();
  for (std::uint64_t number = 1; number <= 100; ++number) {
    auto again = request(number);
    again.checks = {{"t", ExpectedVersion::no_stream()}};
    const auto result = value_of(store().append(again));
    EXPECT_TRUE(result.repeated);
    EXPECT_EQ(result.first_position, first[number - 1].first_position);
    EXPECT_EQ(result.last_position, first[number - 1].last_position);
    EXPECT_EQ(result.streams, first[number - 1].streams);
  }
  auto partial = request(50);
  partial.events.push_back(event_of("t", "T", id_of(9999)));
  EXPECT_EQ(code_of(store().append(partial)), ErrorCode::EventIdConflict);
  EXPECT_EQ(value_of(store().head()), GlobalPosition{200});
}

TEST_P(Reopened, KeepsVersionsAndConditions) {
  reopen(small_segments());
  for (std::uint64_t number = 1; number <= 60; ++number) value_of(store().append(request(number)));
  reopen();
  EXPECT_EQ(details_of<VersionConflict>(
                error_of(store().append(append_to("t", ExpectedVersion::exactly({59})))))
                .actual,
            StreamVersion{60});
  const auto conflict = error_of(store().append(
      {.condition = AppendCondition{Query::of({{.types = {"T0"}, .tags = {"n:0"}}}), {0}}}));
  const auto position = details_of<ConditionConflict>(conflict).position;
  const auto first = read_events(
      store(), {.selector = Query::of({{.types = {"T0"}, .tags = {"n:0"}}}), .limit = 1});
  EXPECT_EQ(position, first.at(0).position);
}

TEST_P(Reopened, KeepsMetadataStreamsAndIds) {
  value_of(store().append(request(1)));
  value_of(store().set_stream_metadata("t", R"({"a":1})", ExpectedVersion::any()));
  const auto listed = value_of(store().list_streams({.include_system = true}));
  reopen();
  EXPECT_EQ(value_of(store().list_streams({.include_system = true})), listed);
  EXPECT_EQ(value_of(store().stream_metadata("t")).json, R"({"a":1})");
  const std::vector<Uuid> ids = {id_of(3)};
  EXPECT_EQ(value_of(store().find("t", ids)).at(0), (EventLocation{{2}, {1}}));
  EXPECT_TRUE(value_of(store().verify()).findings.empty());
}

TEST_P(Reopened, MayHaveOtherSegments) {
  for (const std::uint64_t bytes : {64U << 10, 1U << 20, 64U << 10, 64U << 20}) {
    reopen({.segment_bytes_max = bytes});
    const auto head = value_of(store().head()).value;
    for (std::uint64_t number = 1; number <= 40; ++number) {
      value_of(store().append(request(head + number)));
    }
    ASSERT_EQ(read_everything(store()).size(), head + 80);
  }
}

TEST_P(Reopened, IsNotMadeWhereItMustExist) {
  EXPECT_EQ(code_of(open(url(), {.create = false})), ErrorCode::NotFound);
  value_of(store().append(append_to("s")));
  EXPECT_EQ(value_of(reopen({.create = false}).head()), GlobalPosition{1});
}

// Several store objects over one store: one writes, the others read.
class Shared : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Shared, testing::ValuesIn(shared_engines()), engine_name);

class Locked : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Locked, testing::ValuesIn(locking_engines()), engine_name);

TEST_P(Locked, HasOneWriter) {
  store();
  const auto error = error_of(open(url()));
  EXPECT_EQ(error.code, ErrorCode::StoreLocked);
  EXPECT_TRUE(error.is_retryable());
  close();
  EXPECT_TRUE(open(url()).has_value());
}

TEST_P(Shared, IsReadByOthersAsSoonAsAnAppendIsAcknowledged) {
  reopen({.segment_bytes_max = 64 << 10});
  const auto reader = value_of(open_reader());
  for (std::uint64_t number = 1; number <= 100; ++number) {
    const auto result = value_of(store().append({.events = {sized_event_of("s", number)}}));
    ASSERT_EQ(value_of(reader->head()), result.last_position);
    ASSERT_EQ(read_events(*reader, {.from = result.first_position.value}).size(), 1u);
  }
  EXPECT_EQ(read_everything(*reader), read_everything(store()));
  EXPECT_EQ(read_stream(*reader, "s").size(), 100u);
  EXPECT_EQ(value_of(reader->stream_info("s"))->version, StreamVersion{100});
  EXPECT_TRUE(value_of(reader->verify()).findings.empty());
}

TEST_P(Shared, IsNotWrittenByReaders) {
  store();
  const auto reader = value_of(open_reader());
  EXPECT_EQ(code_of(reader->append(append_to("s"))), ErrorCode::ReadOnly);
  EXPECT_EQ(code_of(reader->set_stream_metadata("s", "{}", ExpectedVersion::any())),
            ErrorCode::ReadOnly);
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
}

TEST_P(Shared, WakesReadersThatWait) {
  EventStore& writer = store();
  const auto reader = value_of(open_reader());
  for (std::uint64_t round = 0; round < 20; ++round) {
    auto waiting = std::async(std::launch::async, [&] {
      return value_of(reader->wait_past({round}, std::chrono::steady_clock::now() + 30s, {}));
    });
    value_of(writer.append(append_to("s")));
    EXPECT_EQ(waiting.get(), GlobalPosition{round + 1});
  }
}

TEST_P(Shared, IsReadWhileNobodyWrites) {
  value_of(store().append(append_to("s", ExpectedVersion::any(), 5)));
  close();
  const auto reader = value_of(open_reader());
  EXPECT_EQ(read_events(*reader).size(), 5u);
}

TEST_P(Shared, IsFollowedByReadersFromOneWriterToTheNext) {
  value_of(store().append(append_to("s")));
  const auto reader = value_of(open_reader());
  EXPECT_EQ(value_of(reader->head()), GlobalPosition{1});
  reopen();
  value_of(store().append(append_to("s")));
  EXPECT_EQ(value_of(reader->head()), GlobalPosition{2});
  EXPECT_EQ(read_events(*reader).size(), 2u);
}

TEST_P(Shared, MustExistToBeRead) {
  EXPECT_EQ(code_of(open_reader()), ErrorCode::NotFound);
}

}  // namespace
}  // namespace eventstore::test
