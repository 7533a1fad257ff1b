#include "postgres/months_test_support.hpp"

namespace eventstore::postgres {
namespace {

using test::code_of;
using test::value_of;
using State = PostgresPartition::State;

using Partitions = MonthsTest;

TEST_F(Partitions, AreListedInOrderWithWhatTheyHold) {
  enter("2031-01");
  append("a");
  append("b");
  enter("2031-02");
  append("a");
  // Three ahead of its first month the store made when it was opened.
  const auto made = value_of(maintenance().make_partitions(3));
  EXPECT_EQ(made, std::vector<std::string>{"2031-05"});
  value_of(maintenance().detach_partition("2031-01"));

  auto partitions = value_of(maintenance().list_partitions());
  ASSERT_EQ(partitions.size(), 5U);
  EXPECT_EQ(partitions[0].month, "2031-01");
  EXPECT_EQ(partitions[0].state, State::Detached);
  EXPECT_EQ(partitions[0].first_position, GlobalPosition{1});
  EXPECT_EQ(partitions[0].last_position, GlobalPosition{2});
  EXPECT_EQ(partitions[0].events, 2U);
  EXPECT_GT(partitions[0].bytes, 0U);
  EXPECT_EQ(partitions[1].state, State::Stored);
  EXPECT_EQ(partitions[1].first_position, GlobalPosition{3});
  EXPECT_EQ(partitions[1].last_position, GlobalPosition{3});
  EXPECT_EQ(partitions[4].month, "2031-05");
  EXPECT_EQ(partitions[4].state, State::Empty);
  EXPECT_EQ(partitions[4].first_position, GlobalPosition{0});
  EXPECT_EQ(partitions[4].last_position, GlobalPosition{0});

  execute("DROP TABLE {s}.detached_events_2031_01, {s}.detached_tags_2031_01");
  partitions = value_of(maintenance().list_partitions());
  const auto& dropped = partitions.at(0);
  EXPECT_EQ(dropped.state, State::Detached);
  EXPECT_EQ(dropped.bytes, 0U);
  EXPECT_EQ(dropped.events, 2U);
}

TEST_F(Partitions, AreMadeOnce) {
  append("s");
  EXPECT_EQ(value_of(maintenance().make_partitions(3)).size(), 0U);
  EXPECT_EQ(value_of(maintenance().make_partitions(5)).size(), 2U);
  EXPECT_EQ(value_of(maintenance().make_partitions(5)).size(), 0U);
  EXPECT_EQ(code_of(maintenance().make_partitions(121)), ErrorCode::InvalidArgument);
}

TEST_F(Partitions, AreOfAStoreThatIsThereAndOfThisVersion) {
  EXPECT_EQ(code_of(maintenance().list_partitions()), ErrorCode::NotFound);
  EXPECT_EQ(code_of(maintenance().vacuum()), ErrorCode::NotFound);
  const auto made = value_of(maintenance().migrate());
  EXPECT_EQ(made.from, 0);
  EXPECT_GT(made.to, 0);
  EXPECT_EQ(value_of(maintenance().migrate()).from, made.to);
  EXPECT_EQ(value_of(maintenance().list_partitions()).size(), 4U);  // this month and three more
  EXPECT_EQ(value_of(maintenance().make_partitions(4)).size(), 1U);
  EXPECT_EQ(append("s").last_position, GlobalPosition{1});

  execute("INSERT INTO {s}.migrations (number, name) VALUES (9999, 'later')");
  EXPECT_EQ(code_of(maintenance().list_partitions()), ErrorCode::UnsupportedFormat);
  EXPECT_EQ(code_of(maintenance().migrate()), ErrorCode::UnsupportedFormat);
}

TEST_F(Partitions, AreNotMadeAmongTheTablesOfSomebodyElse) {
  execute("CREATE SCHEMA {s}; CREATE TABLE {s}.orders (id integer)");
  EXPECT_EQ(code_of(maintenance().migrate()), ErrorCode::NotAStore);
}

}  // namespace
}  // namespace eventstore::postgres
