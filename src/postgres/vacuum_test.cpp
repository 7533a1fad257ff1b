#include <algorithm>

#include "postgres/months_test_support.hpp"

namespace eventstore::postgres {
namespace {

using test::value_of;
using Vacuum = MonthsTest;

TEST_F(Vacuum, ReportsTheTablesItWasRunOn) {
  enter("2031-01");
  value_of(store().append(test::append_to("s", ExpectedVersion::any(), 500)));
  const auto all = value_of(maintenance().vacuum(/*all=*/true));
  const auto events = std::ranges::find(all, "events_2031_01", &PostgresVacuum::table);
  ASSERT_NE(events, all.end());
  EXPECT_GT(events->bytes_before, 0U);
  EXPECT_GT(events->bytes_after, 0U);
  EXPECT_EQ(events->dead_rows_after, 0U);
  EXPECT_EQ(query("SELECT (last_vacuum IS NOT NULL)::text FROM pg_stat_user_tables WHERE relid ="
                  " '{s}.events_2031_01'::regclass"),
            std::vector<std::string>{"true"});
}

TEST_F(Vacuum, LeavesAloneWhatDoesNotNeedIt) {
  enter("2031-01");
  value_of(store().append(test::append_to("s", ExpectedVersion::any(), 500)));
  value_of(maintenance().vacuum(/*all=*/true));
  const auto again = value_of(maintenance().vacuum());
  EXPECT_EQ(std::ranges::find(again, "events_2031_01", &PostgresVacuum::table), again.end());
}

TEST_F(Vacuum, HasItsPlaceInTheStats) {
  enter("2031-01");
  value_of(store().append(test::append_to("s", ExpectedVersion::any(), 500)));
  value_of(maintenance().vacuum(/*all=*/true));
  const auto stats = value_of(maintenance().table_stats());
  const auto events = std::ranges::find(stats.tables, "events_2031_01", &PostgresTable::table);
  ASSERT_NE(events, stats.tables.end());
  EXPECT_EQ(events->rows, 500U);
  EXPECT_GT(events->bytes, 0U);
  EXPECT_GT(events->index_bytes, 0U);
  EXPECT_TRUE(events->vacuumed_at);
  EXPECT_TRUE(events->analyzed_at);
  EXPECT_GE(std::ranges::count(stats.indexes, "events_2031_01", &PostgresIndex::table), 4);
  EXPECT_TRUE(std::ranges::all_of(stats.indexes, &PostgresIndex::valid));
}

}  // namespace
}  // namespace eventstore::postgres
