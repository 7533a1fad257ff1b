#include <algorithm>
#include <optional>

#include "postgres/months_test_support.hpp"

namespace eventstore::postgres {
namespace {

using test::code_of;
using test::positions_of;
using test::read_events;
using test::value_of;

using Positions = std::vector<std::uint64_t>;
using State = PostgresPartition::State;

// Three months with two events each: of the stream "s", which has events in all of them, and of a
// stream that has its only event in that month.
class DetachedMonth : public MonthsTest {
 protected:
  void fill() {
    for (const auto* const month : {"2031-01", "2031-02", "2031-03"}) {
      enter(month);
      append("s", "Opened", {"red"});
      append(month, "Closed", {"red"});
    }
  }
  void detach(std::string_view month) { value_of(maintenance().detach_partition(month)); }
  void attach(std::string_view month) { value_of(maintenance().attach_partition(month)); }

  std::optional<State> state_of(std::string_view month) {
    const auto partitions = value_of(maintenance().list_partitions());
    const auto found = std::ranges::find(partitions, month, &PostgresPartition::month);
    return found == partitions.end() ? std::nullopt : std::optional(found->state);
  }
  // What a read gives before it fails with Archived.
  Positions archived_after(EventStore& store, ReadRequest request) {
    Positions positions;
    const auto cursor = value_of(store.read(std::move(request)));
    for (;;) {
      const auto batch = cursor->next();
      if (!batch) {
        EXPECT_EQ(batch.error().code, ErrorCode::Archived) << batch.error().message;
        return positions;
      }
      if (batch->empty()) throw std::runtime_error("the read came to its end");
      for (const auto& event : *batch) positions.push_back(event.position.value);
    }
  }
};

TEST_F(DetachedMonth, IsMissedByWhoeverReadsIt) {
  fill();
  detach("2031-02");
  EXPECT_EQ(archived_after(store(), {}), Positions({1, 2}));
  EXPECT_EQ(archived_after(store(), {.direction = Direction::Backwards}), Positions({6, 5}));
  for (int time = 0; time < 2; ++time) {  // also with what was learned of where they are
    EXPECT_EQ(archived_after(store(), {.selector = SelectStream{"s"}}), Positions({1}));
    EXPECT_EQ(archived_after(store(), {.selector = SelectStream{"2031-02"}}), Positions());
  }
  EXPECT_EQ(archived_after(store(), {.selector = SelectCategory{"2031"}}), Positions({2}));
  const auto red = Query::of({{.tags = {"red"}}});
  EXPECT_EQ(archived_after(store(), {.selector = red}), Positions({1, 2}));
  EXPECT_EQ(archived_after(store(), {.types = {"Opened"}}), Positions({1}));
}

TEST_F(DetachedMonth, LeavesTheOthersAsTheyWere) {
  fill();
  detach("2031-02");
  EXPECT_EQ(positions_of(read_events(store(), {.to = 2})), Positions({1, 2}));
  EXPECT_EQ(positions_of(read_events(store(), {.from = 5})), Positions({5, 6}));
  EXPECT_EQ(positions_of(read_events(store(), {.selector = SelectStream{"s"}, .from = 3})),
            Positions({5}));
  EXPECT_EQ(positions_of(test::read_stream(store(), "2031-01")), Positions({2}));
  EXPECT_EQ(value_of(store().head()), GlobalPosition{6});
  append("s");
  EXPECT_EQ(positions_of(read_events(store(), {.from = 5})), Positions({5, 6, 7}));
}

TEST_F(DetachedMonth, LeavesVersionsAndIdsKnown) {
  fill();
  detach("2031-01");
  detach("2031-02");
  for (int round = 0; round < 2; ++round) {  // whether or not the process was there before
    const auto info = value_of(store().stream_info("2031-02"));
    ASSERT_TRUE(info);
    EXPECT_EQ(info->version, StreamVersion{1});
    EXPECT_EQ(info->last_position, GlobalPosition{4});
    EXPECT_EQ(info->first_position, GlobalPosition{4});
    EXPECT_EQ(value_of(store().stream_info("s"))->first_position, GlobalPosition{1});
    EXPECT_EQ(value_of(store().list_streams({})).size(), 4U);
    EXPECT_EQ(code_of(store().append(test::append_to("2031-02", ExpectedVersion::no_stream()))),
              ErrorCode::WrongExpectedVersion);
    reopen();
  }
  const auto ids = value_of(store().find("2031-02", std::vector{test::id_of(1)}));
  EXPECT_FALSE(ids.front());
  const auto next =
      value_of(store().append(test::append_to("2031-02", ExpectedVersion::exactly({1}))));
  EXPECT_EQ(next.streams.front().version, StreamVersion{2});
  EXPECT_EQ(next.last_position, GlobalPosition{7});
}

TEST_F(DetachedMonth, LeavesRepetitionsKnown) {
  enter("2031-01");
  AppendRequest request;
  request.events.push_back(test::event_of("t", "Happened", test::id_of(1)));
  value_of(store().append(request));
  enter("2031-02");
  append("s");
  detach("2031-01");
  EXPECT_TRUE(value_of(store().append(request)).repeated);
}

TEST_F(DetachedMonth, CannotBeLookedThroughForACondition) {
  fill();
  detach("2031-02");
  const auto append_after = [&](std::uint64_t position) {
    auto request = test::append_to("new");
    request.condition =
        AppendCondition{.query = Query::of({{.types = {"Nothing"}}}), .after = {position}};
    return store().append(std::move(request));
  };
  EXPECT_EQ(code_of(append_after(2)), ErrorCode::Archived);
  EXPECT_TRUE(append_after(4));
}

TEST_F(DetachedMonth, ComesBackAsItWas) {
  fill();
  const auto before = test::read_lines(store());
  detach("2031-02");
  EXPECT_EQ(state_of("2031-02"), State::Detached);
  EXPECT_EQ(query("SELECT count(*)::text FROM {s}.detached_events_2031_02"),
            std::vector<std::string>{"2"});
  attach("2031-02");
  EXPECT_EQ(state_of("2031-02"), State::Stored);
  EXPECT_EQ(test::read_lines(store()), before);
  EXPECT_EQ(value_of(store().verify()).findings.size(), 0U);
  detach("2031-01");
  detach("2031-02");
  attach("2031-02");
  attach("2031-01");
  EXPECT_EQ(test::read_lines(store()), before);
}

TEST_F(DetachedMonth, IsNoDamage) {
  fill();
  detach("2031-02");
  EXPECT_EQ(value_of(store().verify()).findings.size(), 0U);
  EXPECT_EQ(value_of(store().stats()).events, 4U);
  EXPECT_EQ(value_of(store().stats()).streams, 4U);
}

TEST_F(DetachedMonth, IsLetAloneByAScavenge) {
  fill();
  detach("2031-02");
  value_of(store().truncate_stream("s", {3}, ExpectedVersion::any()));
  value_of(store().scavenge({.id_retention = std::chrono::seconds(0)}));
  EXPECT_EQ(positions_of(test::read_stream(store(), "s")), Positions({5}));
  attach("2031-02");
  EXPECT_EQ(value_of(store().verify()).findings.size(), 0U);
  EXPECT_EQ(positions_of(read_events(store())), Positions({2, 4, 5, 6}));
  value_of(store().scavenge({.id_retention = std::chrono::seconds(0)}));
  EXPECT_EQ(query("SELECT count(*)::text FROM {s}.events_2031_02"), std::vector<std::string>{"1"});
}

TEST_F(DetachedMonth, IsYoungIfItMayBe) {
  fill();
  value_of(store().set_retention("s", {.max_age = std::chrono::days(30)}, ExpectedVersion::any()));
  EXPECT_EQ(positions_of(test::read_stream(store(), "s")), Positions({3, 5}));
  detach("2031-01");
  EXPECT_EQ(positions_of(test::read_stream(store(), "s")), Positions({3, 5}));
  detach("2031-02");
  EXPECT_EQ(archived_after(store(), {.selector = SelectStream{"s"}}), Positions());
}

TEST_F(DetachedMonth, IsRefusedWhereItMustStay) {
  fill();
  for (const auto* const month : {"2031-03", "2031-04", "2030-12", "2031-13", "february", ""}) {
    EXPECT_EQ(code_of(maintenance().detach_partition(month)), ErrorCode::InvalidArgument) << month;
    EXPECT_EQ(code_of(maintenance().attach_partition(month)), ErrorCode::InvalidArgument) << month;
  }
  EXPECT_EQ(code_of(maintenance().attach_partition("2031-01")), ErrorCode::InvalidArgument);
  detach("2031-01");
  EXPECT_EQ(code_of(maintenance().detach_partition("2031-01")), ErrorCode::InvalidArgument);
}

TEST_F(DetachedMonth, WaitsForALongReadAndNotForEver) {
  fill();
  execute("BEGIN; SELECT count(*) FROM {s}.events");
  const auto refused = test::error_of(maintenance().detach_partition("2031-01"));
  EXPECT_EQ(refused.code, ErrorCode::Overloaded) << refused.message;
  EXPECT_TRUE(refused.message.contains("in the way")) << refused.message;
  EXPECT_EQ(positions_of(read_events(store())).size(), 6U);
  execute("ROLLBACK");
  detach("2031-01");
}

TEST_F(DetachedMonth, ComesBackOnlyWithItsOwnTables) {
  fill();
  detach("2031-01");
  execute("ALTER TABLE {s}.detached_tags_2031_01 RENAME TO elsewhere");
  EXPECT_EQ(code_of(maintenance().attach_partition("2031-01")), ErrorCode::NotFound);
  execute("ALTER TABLE {s}.elsewhere RENAME TO detached_tags_2031_01");
  const auto refused_after = [&](const std::string& change) {
    execute("CREATE TABLE {s}.kept AS SELECT * FROM {s}.detached_events_2031_01");
    execute(change);
    EXPECT_EQ(code_of(maintenance().attach_partition("2031-01")), ErrorCode::InvalidArgument)
        << change;
    execute(
        "TRUNCATE {s}.detached_events_2031_01; INSERT INTO {s}.detached_events_2031_01 SELECT *"
        " FROM {s}.kept; DROP TABLE {s}.kept");
  };
  refused_after("DELETE FROM {s}.detached_events_2031_01 WHERE position = 1");
  refused_after("UPDATE {s}.detached_events_2031_01 SET position = 3 WHERE position = 1");
  refused_after("UPDATE {s}.detached_events_2031_01 SET version = 2 WHERE position = 1");
  refused_after(
      "UPDATE {s}.detached_events_2031_01 SET recorded_at = recorded_at - interval '1 month'");
  EXPECT_EQ(state_of("2031-01"), State::Detached);
  attach("2031-01");
  EXPECT_EQ(positions_of(read_events(store())).size(), 6U);
}

TEST_F(DetachedMonth, ComesBackFromAnArchive) {
  fill();
  const auto before = test::read_lines(store());
  detach("2031-01");
  // As pg_dump and pg_restore do it: the tables, then their rows, then their indexes.
  execute(R"(
    CREATE TABLE {s}.archived_events AS SELECT * FROM {s}.detached_events_2031_01;
    CREATE TABLE {s}.archived_tags AS SELECT * FROM {s}.detached_tags_2031_01;
    DROP TABLE {s}.detached_events_2031_01, {s}.detached_tags_2031_01;
    CREATE TABLE {s}.detached_events_2031_01 (LIKE {s}.events);
    CREATE TABLE {s}.detached_tags_2031_01 (LIKE {s}.tags);
    INSERT INTO {s}.detached_events_2031_01 SELECT * FROM {s}.archived_events;
    INSERT INTO {s}.detached_tags_2031_01 SELECT * FROM {s}.archived_tags;
  )");
  EXPECT_EQ(code_of(maintenance().attach_partition("2031-01")), ErrorCode::InvalidArgument);
  execute(R"(
    CREATE UNIQUE INDEX ON {s}.detached_events_2031_01 (position);
    CREATE UNIQUE INDEX ON {s}.detached_events_2031_01 (stream_id, version);
    CREATE UNIQUE INDEX ON {s}.detached_tags_2031_01 (tag, position);
  )");
  attach("2031-01");
  EXPECT_EQ(test::read_lines(store()), before);
}

}  // namespace
}  // namespace eventstore::postgres
