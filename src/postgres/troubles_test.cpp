#include "postgres/months_test_support.hpp"

// What can be in the way of a store in PostgreSQL.
namespace eventstore::postgres {
namespace {

using test::code_of;
using test::value_of;
using Positions = std::vector<std::uint64_t>;

class Troubles : public MonthsTest {
 protected:
  // The store's URL as a role of its own has it, which may do in the schema what `rights` are.
  std::string url_of_role(const std::string& rights) {
    const auto role = schema_ + "_role";
    execute("CREATE ROLE " + role + " LOGIN; GRANT USAGE ON SCHEMA {s} TO " + role + "; GRANT " +
            rights + " ON ALL TABLES IN SCHEMA {s} TO " + role);
    auto url = url_;
    const auto at = url.find("://") + 3;
    return url.replace(at, url.find('@') - at, role);
  }
  void TearDown() override {
    if (!query("SELECT rolname::text FROM pg_roles WHERE rolname = '" + schema_ + "_role'").empty())
      execute("DROP OWNED BY " + schema_ + "_role; DROP ROLE " + schema_ + "_role");
    MonthsTest::TearDown();
  }
};

TEST_F(Troubles, OfSessionsThatAreEndedAreOverWithTheNextOnes) {
  // Others use the same server.
  reopen(url_ + "&application_name=" + schema_);
  append("s");
  for (std::size_t round = 0; round < 5; ++round) {
    const auto ended = query(
        "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE application_name = '" +
        schema_ + "'");
    EXPECT_FALSE(ended.empty());
    append("s");
    EXPECT_EQ(test::positions_of(test::read_stream(store(), "s")).size(), round + 2);
  }
}

TEST_F(Troubles, OfATransactionOfOthersHoldNothingUp) {
  append("s");
  execute("BEGIN; SELECT txid_current(); SELECT count(*) FROM {s}.events");
  append("s");
  const auto reader = value_of(open(url_, {.read_only = true}));
  EXPECT_EQ(test::positions_of(test::read_events(*reader)), Positions({1, 2}));
  execute("ROLLBACK");
}

TEST_F(Troubles, OfANewerVersionAreLeftToANewerProgram) {
  append("s");
  execute("INSERT INTO {s}.migrations (number, name) VALUES (9999, 'later')");
  EXPECT_EQ(code_of(open(url_)), ErrorCode::UnsupportedFormat);
  EXPECT_EQ(code_of(open(url_, {.read_only = true})), ErrorCode::UnsupportedFormat);
}

TEST_F(Troubles, OfARoleThatMayOnlyReadAreThatItDoes) {
  append("s", "Happened", {"red"});
  const auto url = url_of_role("SELECT");
  const auto reader = value_of(open(url, {.read_only = true}));
  EXPECT_EQ(test::positions_of(test::read_events(*reader)), Positions({1}));
  EXPECT_EQ(value_of(reader->list_streams({})).size(), 1U);
  EXPECT_EQ(value_of(reader->verify()).findings.size(), 0U);
  EXPECT_EQ(code_of(reader->append(test::append_to("s"))), ErrorCode::ReadOnly);
  const auto writer = value_of(open(url));
  EXPECT_EQ(code_of(writer->append(test::append_to("s"))), ErrorCode::ReadOnly);
}

TEST_F(Troubles, OfARoleThatMayAppendEndAtTheTables) {
  append("s");
  const auto url = url_of_role("SELECT, INSERT");
  const auto writer = value_of(open(url));
  EXPECT_EQ(value_of(writer->append(test::append_to("s"))).last_position, GlobalPosition{2});
  EXPECT_EQ(code_of(value_of(PostgresMaintenance::open(url))->make_partitions(12)),
            ErrorCode::ReadOnly);
}

TEST_F(Troubles, OfNamesAreNone) {
  const std::string name = R"(it's "{s}" $1 \ %s --)";
  append(name, name, {name});
  EXPECT_EQ(test::read_stream(store(), name).size(), 1U);
  EXPECT_EQ(test::read_events(store(), {.selector = Query::of({{.types = {name}, .tags = {name}}})})
                .size(),
            1U);
  EXPECT_EQ(value_of(store().list_streams({.prefix = name})).size(), 1U);
}

}  // namespace
}  // namespace eventstore::postgres
