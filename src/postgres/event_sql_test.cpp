#include "postgres/event_sql.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/open.hpp"
#include "postgres/connection.hpp"
#include "postgres/months.hpp"
#include "postgres/url.hpp"
#include "support/postgres_stores.hpp"
#include "support/store_access.hpp"
#include "support/temporary_directory.hpp"

// How the server goes about the statements that reads are made of: none looks at more than what it
// gives, whatever the tables hold.
namespace eventstore::postgres {
namespace {

using std::chrono_literals::operator""s;

Deadline soon() {
  return std::chrono::steady_clock::now() + 60s;
}

class EventSql : public testing::Test {
 protected:
  void SetUp() override {
    for (int round = 0; round < 20; ++round) {
      AppendRequest request;
      for (int index = 0; index < 100; ++index) {
        request.events.push_back(
            test::tagged_event_of("s-" + std::to_string(index), "T" + std::to_string(index % 10),
                                  {"common", "rare-" + std::to_string(index)}));
      }
      test::value_of(store_->append(std::move(request)));
    }
    const auto loaded = months_.load(*connection_, schema_, soon());
    ASSERT_TRUE(loaded) << loaded.error().message;
    suffix_ = (*loaded)->months.back().suffix;
    ASSERT_TRUE(connection_->run_script(
        "ANALYZE " + schema_ + ".events_" + suffix_ + "; ANALYZE " + schema_ + ".tags_" + suffix_,
        soon()));
  }
  void TearDown() override {
    store_.reset();
    test::remove_postgres_store(url_);
  }

  // What the server says that it does, and how many rows it looked at.
  std::string plan_of(const EventSelection& selection) {
    auto sql = events_sql(selection, schema_, suffix_);
    sql.text = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + sql.text;
    const auto rows = run(*connection_, sql, soon());
    if (!rows) throw std::runtime_error(rows.error().message);
    std::string plan;
    for (int row = 0; row < rows->size(); ++row) plan.append(rows->text(row, 0)) += '\n';
    return plan;
  }

  static void expect_narrow(const std::string& plan, const std::string& index) {
    EXPECT_NE(plan.find(index), std::string::npos) << plan;
    EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << plan;
    EXPECT_EQ(plan.find("Rows Removed by Filter"), std::string::npos) << plan;
    EXPECT_EQ(plan.find("Sort Method"), std::string::npos) << plan;
  }

  test::TemporaryDirectory folder_;
  const std::string url_ = test::postgres_store_url(folder_.path().string());
  std::unique_ptr<EventStore> store_ = test::value_of(open(url_));
  const std::string schema_ = postgres::quote_identifier(parse_store_url(url_)->schema);
  std::unique_ptr<Connection> connection_ =
      *Connection::open({.uri = parse_store_url(url_)->uri,
                         .session = {{"jit", "off"},
                                     {"plan_cache_mode", "force_generic_plan"},
                                     {"enable_seqscan", "off"},
                                     {"enable_bitmapscan", "off"},
                                     {"enable_hashjoin", "off"}}},
                        soon());
  KnownMonths months_;
  std::string suffix_;
};

TEST_F(EventSql, ReadsEverythingByPosition) {
  const Selector all = SelectAll{};
  for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
    expect_narrow(
        plan_of(
            {.selector = &all, .direction = direction, .first = 100, .last = 1900, .limit = 50}),
        "position_idx");
  }
}

TEST_F(EventSql, ReadsAStreamByVersion) {
  const Selector stream = SelectStream{"s-5"};
  for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
    expect_narrow(
        plan_of({.selector = &stream, .direction = direction, .first = 1, .last = 20, .limit = 10}),
        "stream_id_version_idx");
    expect_narrow(plan_of({.selector = &stream,
                           .stream_id = 6,
                           .direction = direction,
                           .first = 1,
                           .last = 20,
                           .limit = 10}),
                  "stream_id_version_idx");
  }
}

TEST_F(EventSql, ReadsACategoryByItsIndex) {
  const Selector category = SelectCategory{"s"};
  expect_narrow(plan_of({.selector = &category, .first = 500, .last = 2000, .limit = 10}),
                "split_part");
}

TEST_F(EventSql, ReadsTypesByTheirIndex) {
  const Selector one = Query::of({{.types = {"T3"}}});
  expect_narrow(plan_of({.selector = &one, .first = 500, .last = 2000, .limit = 10}),
                "type_position_idx");
  const Selector two = Query::of({{.types = {"T3", "T4"}}});
  const auto plan = plan_of({.selector = &two, .first = 500, .last = 2000, .limit = 10});
  EXPECT_NE(plan.find("type_position_idx"), std::string::npos) << plan;
  EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << plan;
}

TEST_F(EventSql, ReadsTagsByTheirIndexTheRareOneFirst) {
  const Selector both = Query::of({{.tags = {"common", "rare-7"}}});
  const auto plan = plan_of({.selector = &both, .first = 1, .last = 2000, .limit = 100});
  expect_narrow(plan, "tag_position_idx");
}

TEST_F(EventSql, TellsOfLargeEventsHowLargeTheyAre) {
  NewEvent large = test::event_of("large");
  large.data = '"' + std::string(kInlineBytesMax, 'x') + '"';
  test::value_of(store_->append({.events = {large}}));
  const Selector stream = SelectStream{"large"};
  const auto sql =
      events_sql({.selector = &stream, .first = 1, .last = 1, .limit = 1}, schema_, suffix_);
  const auto rows = connection_->run(sql.call(), soon());
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_TRUE(rows->is_null(0, static_cast<int>(EventColumn::Data)));
  EXPECT_EQ(rows->int4(0, static_cast<int>(EventColumn::Bytes)),
            static_cast<int>(large.data.size()));
  EXPECT_EQ(test::read_stream(*store_, "large").front().data, large.data);
}

}  // namespace
}  // namespace eventstore::postgres
