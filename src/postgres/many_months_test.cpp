#include <algorithm>
#include <stdexcept>

#include "core/posix_environment.hpp"
#include "postgres/months_test_support.hpp"

namespace eventstore::postgres {
namespace {

using test::code_of;
using test::positions_of;
using test::read_events;
using test::versions_of;

using Positions = std::vector<std::uint64_t>;

// Three months with events and one without: at positions 1-4, 5-8 and 9-12, of the streams a-1 and
// a-2, which have events in all of them, and one stream in each month alone.
class ManyMonths : public MonthsTest {
 protected:
  void fill() {
    for (const auto* const month : {"2031-01", "2031-02", "2031-04"}) {
      enter(month);
      append("a-1", "Opened", {"red"});
      append("a-2", "Closed", {"blue"});
      append("a-1", "Closed", {"red", "blue"});
      append(std::string("only-") + month, "Opened");
    }
  }

  Positions read(ReadRequest request) {
    return positions_of(read_events(store(), std::move(request)));
  }
  // The same read in both directions.
  void expect_read(ReadRequest request, Positions positions) {
    EXPECT_EQ(read(request), positions);
    request.direction = Direction::Backwards;
    std::swap(request.from, request.to);
    std::ranges::reverse(positions);
    EXPECT_EQ(read(std::move(request)), positions);
  }
};

TEST_F(ManyMonths, AreReadInOneOrder) {
  fill();
  expect_read({}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  expect_read({.from = 4, .to = 9}, {4, 5, 6, 7, 8, 9});
  expect_read({.from = 5, .to = 8}, {5, 6, 7, 8});
  expect_read({.from = 12}, {12});
  EXPECT_EQ(read({.from = 4, .limit = 3}), Positions({4, 5, 6}));
  EXPECT_EQ(read({.direction = Direction::Backwards, .limit = 5}), Positions({12, 11, 10, 9, 8}));
  expect_read({.types = {"Closed"}}, {2, 3, 6, 7, 10, 11});
  expect_read({.stream_prefix = "only-"}, {4, 8, 12});
  reopen();
  expect_read({}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

TEST_F(ManyMonths, AreReadByStreamCategoryAndQuery) {
  fill();
  expect_read({.selector = SelectStream{"a-1"}}, {1, 3, 5, 7, 9, 11});
  expect_read({.selector = SelectStream{"a-1"}, .from = 2, .to = 5}, {3, 5, 7, 9});
  expect_read({.selector = SelectStream{"only-2031-02"}}, {8});
  expect_read({.selector = SelectCategory{"a"}}, {1, 2, 3, 5, 6, 7, 9, 10, 11});
  expect_read({.selector = Query::of({{.tags = {"blue"}}})}, {2, 3, 6, 7, 10, 11});
  expect_read({.selector = Query::of({{.types = {"Opened"}, .tags = {"red"}}}), .from = 2}, {5, 9});
  expect_read({.selector = Query::of({{.tags = {"red", "blue"}}})}, {3, 7, 11});
  EXPECT_EQ(versions_of(test::read_stream(store(), "a-1")), Positions({1, 2, 3, 4, 5, 6}));
}

// Where a stream has its events is learned by reading it, and may have changed by the next time.
TEST_F(ManyMonths, AreReadWhereAStreamWentOn) {
  fill();
  const auto another = open_another(url_);
  const auto expect_streams = [&](std::size_t more) {
    for (const auto& [stream, first] :
         {std::pair("a-1", Positions{1, 3, 5, 7, 9, 11}), {"only-2031-01", {4}}}) {
      auto all = first;
      for (std::size_t n = 0; n < more; ++n) all.push_back(12 + (stream[0] == 'a' ? 1 : 2) + 2 * n);
      for (int time = 0; time < 2; ++time) {
        expect_read({.selector = SelectStream{stream}}, all);
        expect_read({.selector = SelectStream{stream}, .from = all.size()}, {all.back()});
        EXPECT_EQ(read({.selector = SelectStream{stream}, .limit = 1}), Positions({first.front()}));
        EXPECT_EQ(
            read({.selector = SelectStream{stream}, .direction = Direction::Backwards, .limit = 1}),
            Positions({all.back()}));
      }
    }
  };
  expect_streams(0);
  enter("2031-05");
  for (std::size_t more = 1; more <= 3; ++more) {
    for (const auto* const stream : {"a-1", "only-2031-01"}) {
      test::value_of(another->append(test::append_to(stream)));
    }
    expect_streams(more);
    if (more == 2) enter("2031-07");
  }
}

TEST_F(ManyMonths, AreOneStreamToWhoeverAsksForIt) {
  fill();
  const auto info = test::value_of(store().stream_info("a-1"));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->version, StreamVersion{6});
  EXPECT_EQ(info->events, 6U);
  EXPECT_EQ(info->first_position, GlobalPosition{1});
  EXPECT_EQ(info->last_position, GlobalPosition{11});
  const auto listed = test::value_of(store().list_streams({}));
  ASSERT_EQ(listed.size(), 5U);
  EXPECT_EQ(listed[1].stream, "a-2");
  EXPECT_EQ(listed[1].version, StreamVersion{3});
  EXPECT_EQ(listed[2].stream, "only-2031-01");
  EXPECT_EQ(listed[2].last_position, GlobalPosition{4});
}

TEST_F(ManyMonths, AreWhatExpectedVersionsLookAt) {
  fill();
  enter("2031-05");
  EXPECT_EQ(code_of(store().append(test::append_to("only-2031-01", ExpectedVersion::no_stream()))),
            ErrorCode::WrongExpectedVersion);
  const auto first = test::value_of(
      store().append(test::append_to("only-2031-01", ExpectedVersion::exactly({1}))));
  EXPECT_EQ(first.streams.front().version, StreamVersion{2});
  const auto second =
      test::value_of(store().append(test::append_to("a-1", ExpectedVersion::exactly({6}))));
  EXPECT_EQ(second.streams.front().version, StreamVersion{7});
  EXPECT_EQ(versions_of(test::read_stream(store(), "only-2031-01")), Positions({1, 2}));
}

TEST_F(ManyMonths, AreWhatConditionsLookAt) {
  fill();
  enter("2031-05");
  const auto append_unless = [&](Query query, std::uint64_t after) {
    auto request = test::append_to("new");
    request.condition = AppendCondition{.query = std::move(query), .after = {after}};
    return store().append(std::move(request));
  };
  const auto blue = Query::of({{.tags = {"blue"}}});
  for (const auto& [after, conflict] : {std::pair(0, 2), {3, 6}, {7, 10}, {10, 11}}) {
    const auto failed = append_unless(blue, static_cast<std::uint64_t>(after));
    EXPECT_EQ(test::details_of<ConditionConflict>(test::error_of(failed)).position,
              GlobalPosition{static_cast<std::uint64_t>(conflict)});
  }
  EXPECT_TRUE(append_unless(blue, 11));
  EXPECT_EQ(code_of(append_unless(Query::of({{.types = {"Opened"}}}), 9)),
            ErrorCode::AppendConditionFailed);
}

TEST_F(ManyMonths, KnowAnIdOfAnyOfThem) {
  enter("2031-01");
  AppendRequest request;
  request.events.push_back(test::event_of("s", "Happened", test::id_of(1)));
  test::value_of(store().append(request));
  enter("2031-03");
  append("s");
  const auto again = test::value_of(store().append(request));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.last_position, GlobalPosition{1});
}

TEST_F(ManyMonths, AreSeenByAProcessThatWasThereBefore) {
  enter("2031-01");
  append("s");
  const auto reader = test::value_of(open(url_, {.read_only = true}));
  const auto writer = open_another(url_);
  EXPECT_EQ(test::value_of(reader->head()), GlobalPosition{1});
  enter("2031-02");
  append("s");
  EXPECT_EQ(positions_of(read_events(*reader)), Positions({1, 2}));
  EXPECT_EQ(test::value_of(writer->append(test::append_to("s", ExpectedVersion::exactly({2}))))
                .last_position,
            GlobalPosition{3});
  EXPECT_EQ(versions_of(test::read_stream(*reader, "s")), Positions({1, 2, 3}));
}

TEST_F(ManyMonths, AreTruncatedRetainedAndScavengedAsOne) {
  fill();
  test::value_of(store().truncate_stream("a-1", {4}, ExpectedVersion::any()));
  expect_read({.selector = SelectStream{"a-1"}}, {7, 9, 11});
  EXPECT_EQ(test::value_of(store().stream_info("a-1"))->first_position, GlobalPosition{7});
  test::value_of(store().scavenge({.id_retention = std::chrono::seconds(0)}));
  expect_read({.to = 12}, {2, 4, 6, 7, 8, 9, 10, 11, 12});
  EXPECT_EQ(test::value_of(store().verify()).findings.size(), 0U);
}

// As a role that may not make tables, when nobody has made them for it.
TEST_F(ManyMonths, MayLieInTheDefaultTables) {
  enter("2031-01");
  append("s", "Opened", {"red"});
  const auto url = url_of_role("SELECT, INSERT");
  reopen(url);
  enter("2031-05");
  append("s", "Opened", {"red"});
  append("t", "Closed", {"red"});
  enter("2031-06");
  append("s", "Opened", {"blue"});
  expect_read({}, {1, 2, 3, 4});
  expect_read({.selector = SelectStream{"s"}}, {1, 2, 4});
  expect_read({.selector = Query::of({{.tags = {"red"}}})}, {1, 2, 3});
  const auto partitions = test::value_of(maintenance().list_partitions());
  const auto may = std::ranges::find(partitions, "2031-05", &PostgresPartition::month);
  ASSERT_NE(may, partitions.end());
  EXPECT_EQ(may->state, PostgresPartition::State::InDefault);
  EXPECT_EQ(code_of(maintenance().detach_partition("2031-05")), ErrorCode::Unsupported);

  // What is there stays where it is; the months after it get tables.
  reopen();
  EXPECT_EQ(test::value_of(maintenance().make_partitions(4)), std::vector<std::string>{"2031-10"});
  enter("2031-07");
  append("s");
  expect_read({}, {1, 2, 3, 4, 5});
  EXPECT_EQ(test::value_of(store().verify()).findings.size(), 0U);
}

// Months without tables of their own before and behind one that has some: a stream's last event in
// the default tables need not be its last.
TEST_F(ManyMonths, MayLieInTheDefaultTablesBeforeAndBehindOthers) {
  enter("2031-01");
  append("s");
  const auto url = url_of_role("SELECT, INSERT");
  execute("ALTER DEFAULT PRIVILEGES IN SCHEMA {s} GRANT SELECT, INSERT ON TABLES TO " + role());
  reopen(url);
  enter("2031-05");
  append("s");  // 2, in the default tables
  append("t");
  // The owner makes tables, of which there are some for the next months.
  {
    enter("2031-07");
    const auto owner = open_another(url_);
    test::value_of(owner->append(test::append_to("s")));  // 3, in tables of its own
    test::value_of(owner->append(test::append_to("t")));
  }
  reopen(url);
  enter("2031-12");
  append("u");  // in the default tables again
  const auto partitions = test::value_of(maintenance().list_partitions());
  const auto december = std::ranges::find(partitions, "2031-12", &PostgresPartition::month);
  ASSERT_NE(december, partitions.end());
  EXPECT_EQ(december->state, PostgresPartition::State::InDefault);
  EXPECT_EQ(versions_of(test::read_stream(store(), "s")), Positions({1, 2, 3}));
  EXPECT_EQ(versions_of(test::read_stream(store(), "t")), Positions({1, 2}));
  append("u");
  const auto appended = append("s");
  EXPECT_EQ(appended.streams.front().version, StreamVersion{4});
  EXPECT_EQ(versions_of(test::read_stream(store(), "s")), Positions({1, 2, 3, 4}));
  EXPECT_EQ(test::value_of(store().verify()).findings.size(), 0U);
  reopen();
}

// The same with the server's own time, so that appends are stored all at once.
TEST_F(ManyMonths, MayLieInTheDefaultTablesBeforeAndBehindOthersOfWhatIsStoredAtOnce) {
  const auto now = posix_environment().clock->wall_now();
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(now));
  const auto ago = [&](int months) {
    now_ = std::chrono::sys_days(
        (std::chrono::year_month(today.year(), today.month()) - std::chrono::months(months)) /
        std::chrono::day(10));
  };
  ago(12);
  append("first");
  const auto url = url_of_role("SELECT, INSERT");
  execute("ALTER DEFAULT PRIVILEGES IN SCHEMA {s} GRANT SELECT, INSERT ON TABLES TO " + role());
  reopen(url);
  ago(7);
  append("s");  // 1, in the default tables
  ago(5);
  {
    const auto owner = open_another(url_);
    test::value_of(owner->append(test::append_to("s")));  // 2, in tables of its own
    test::value_of(owner->append(test::append_to("s")));  // 3
  }
  const auto last =
      test::value_of(PostgresStore::open(test::value_of(parse_store_url(url)), {}, {}));
  const auto version_of_next = [&](const char* stream) {
    return test::value_of(last->append(test::append_to(stream))).streams.front().version;
  };
  version_of_next("u");  // in the default tables again
  version_of_next("u");  // finds out which month it is
  EXPECT_EQ(version_of_next("s"), StreamVersion{4});
  EXPECT_EQ(version_of_next("s"), StreamVersion{5});
  EXPECT_EQ(query("SELECT string_agg(version::text, ' ' ORDER BY position) FROM {s}.events WHERE"
                  " stream = 's'")
                .at(0),
            "1 2 3 4 5");
  EXPECT_EQ(test::value_of(store().verify()).findings.size(), 0U);
  reopen();
}

class KnownMonthsTest : public MonthsTest {};

// As after a failover to a standby that lacked two months, which nobody of this process had seen.
TEST_F(KnownMonthsTest, AreThoseOfAServerThatHasFewerAndOthers) {
  for (const auto* const month : {"2031-01", "2031-02", "2031-03"}) {
    enter(month);
    append("s");
  }
  const auto schema = postgres::quote_identifier(schema_);
  KnownMonths known;
  ASSERT_TRUE(known.load(connection(), schema, until()));
  EXPECT_EQ(known.list()->last(), Month{203103});
  execute(
      "DELETE FROM {s}.months WHERE month > 203101;"
      "INSERT INTO {s}.months (month, first_position, in_default) VALUES (203104, 2, false)");
  ASSERT_TRUE(known.load(connection(), schema, until()));
  EXPECT_EQ(known.list()->months.size(), 2U);
  EXPECT_NE(known.list()->find({203104}), nullptr);
}

}  // namespace
}  // namespace eventstore::postgres
