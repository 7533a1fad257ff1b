#include <algorithm>
#include <future>

#include "postgres/months_test_support.hpp"

// The tables of months that begin, and of those to come.
namespace eventstore::postgres {
namespace {

using test::value_of;
using Positions = std::vector<std::uint64_t>;

class MonthsAheadTest : public MonthsTest {
 protected:
  bool is_there(const std::string& month) {
    return query("SELECT (to_regclass('{s}.events_" + month + "') IS NOT NULL)::text").at(0) ==
           "true";
  }
  // Has another session make the tables of a month, up to before its commit.
  void make_without_commit(Month month) {
    std::string script = "BEGIN;";
    for (const auto* const table : {"events", "tags"}) {
      script += std::string("CREATE TABLE {s}.") + table + "_" + month.suffix();
      script += std::string(" (LIKE {s}.") + table + ");";
    }
    execute(script + attach_statements("{s}", month));
  }
};

TEST_F(MonthsAheadTest, AreMadeAgainAsAMonthBegins) {
  append("s");
  EXPECT_TRUE(is_there("2031_04"));
  EXPECT_FALSE(is_there("2031_05"));
  enter("2031-02");
  append("s");
  append("s");
  wait_until("to_regclass('{s}.events_2031_05') IS NOT NULL");
  EXPECT_FALSE(is_there("2031_06"));
}

// The events of a month are looked for where `months` says: the two must not differ.
TEST_F(MonthsAheadTest, MayBeMadeByTwoAtOnce) {
  // With the second append the store knows of the month, and looks into its tables alone.
  append("s");
  append("s");
  enter("2031-07");
  make_without_commit({203107});
  auto appended = std::async(std::launch::async, [&] { return append("s"); });
  // Somebody waits for this transaction. (Of what sessions do, a transaction sees the same each
  // time.)
  wait_until(
      "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid' AND"
      " transactionid::text = pg_current_xact_id()::text");
  execute("COMMIT");
  EXPECT_EQ(appended.get().last_position, GlobalPosition{3});
  EXPECT_EQ(append("s").last_position, GlobalPosition{4});
  EXPECT_EQ(test::positions_of(test::read_stream(store(), "s")), Positions({1, 2, 3, 4}));
  const auto partitions = value_of(maintenance().list_partitions());
  const auto july = std::ranges::find(partitions, "2031-07", &PostgresPartition::month);
  ASSERT_NE(july, partitions.end());
  EXPECT_EQ(july->state, PostgresPartition::State::Stored);
}

}  // namespace
}  // namespace eventstore::postgres
