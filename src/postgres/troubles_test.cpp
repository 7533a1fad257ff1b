#include <fstream>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "postgres/months_test_support.hpp"
#include "postgres/own_server_test_support.hpp"
#include "postgres/store_settings.hpp"

// What can be in the way of a store in PostgreSQL.
namespace eventstore::postgres {
namespace {

using test::code_of;
using test::OwnServer;
using test::value_of;
using Positions = std::vector<std::uint64_t>;

class Troubles : public MonthsTest {
 protected:
  // Holds what appends wait for, as a stranger's session may.
  void hold_the_lock() {
    execute("BEGIN; SELECT pg_advisory_xact_lock(" + std::to_string(kLockClass) +
            ", to_regnamespace('{s}')::oid::bigint::int)");
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

TEST_F(Troubles, OfOlderTablesAreLeftToWhoMigratesThem) {
  const auto url = url_ + "&migrate=off";
  EXPECT_EQ(code_of(open(url)), ErrorCode::NotFound);
  EXPECT_TRUE(query("SELECT '' FROM pg_namespace WHERE nspname = '" + schema_ + "'").empty());
  append("s");
  EXPECT_EQ(value_of(value_of(open(url))->append(test::append_to("s"))).last_position,
            GlobalPosition{2});
  execute("DELETE FROM {s}.migrations WHERE number = (SELECT max(number) FROM {s}.migrations)");
  const auto before = query("SELECT max(number)::text FROM {s}.migrations");
  const auto refused = test::error_of(open(url));
  EXPECT_EQ(refused.code, ErrorCode::UnsupportedFormat);
  EXPECT_NE(refused.message.find("migrate it first"), std::string::npos) << refused.message;
  EXPECT_EQ(query("SELECT max(number)::text FROM {s}.migrations"), before);
}

TEST_F(Troubles, OfARoleThatMayNotMakeAStoreAreSaid) {
  make_role();
  const auto refused = test::error_of(open(as_role(url_)));
  EXPECT_EQ(refused.code, ErrorCode::ReadOnly);
  EXPECT_NE(refused.message.find("no event store can be made in schema"), std::string::npos)
      << refused.message;
  EXPECT_NE(refused.message.find("permission denied"), std::string::npos) << refused.message;
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

// Whoever may write to the store may write to its months, whenever they were made; and reads what
// is left of one that is detached.
TEST_F(Troubles, OfRightsOnNewTablesThereAreNone) {
  append("s");
  const auto writer = value_of(open(url_of_role("SELECT, INSERT")));
  enter("2031-09");
  append("other");
  EXPECT_EQ(value_of(writer->append(test::append_to("s"))).last_position, GlobalPosition{3});
  EXPECT_EQ(test::read_events(*writer).size(), 3U);
  enter("2031-10");
  append("other");
  value_of(maintenance().detach_partition("2031-09"));
  EXPECT_EQ(value_of(writer->append(test::append_to("s"))).last_position, GlobalPosition{5});
  EXPECT_EQ(value_of(writer->list_streams({})).size(), 2U);
}

TEST_F(Troubles, OfARoleThatMayNotVacuumAreTold) {
  append("s");
  const auto url = url_of_role("SELECT, INSERT, UPDATE, DELETE");
  EXPECT_EQ(code_of(value_of(PostgresMaintenance::open(url))->vacuum(/*all=*/true)),
            ErrorCode::ReadOnly);
}

TEST_F(Troubles, OfTablesThatNobodyMadeAreTold) {
  append("s");
  const auto url = value_of(parse_store_url(url_of_role("SELECT, INSERT")));
  Notices notices;  // the thread that makes months ahead gives some as well
  const auto store = value_of(
      PostgresStore::open(url, notices.options(), {.server_time = [this] { return now_.load(); }}));
  EXPECT_EQ(notices.count(""), 0U);
  enter("2031-09");
  EXPECT_EQ(value_of(store->append(test::append_to("s"))).last_position, GlobalPosition{2});
  EXPECT_EQ(notices.count("events of 2031-09, which go into the default ones"), 1U);
  EXPECT_EQ(query("SELECT position::text FROM {s}.events_default"), std::vector<std::string>{"2"});
}

// Set for the role that appends, in the database.
TEST_F(Troubles, OfTimeoutsFailAppendsAlone) {
  append("s");
  const auto url = url_of_role("SELECT, INSERT");
  for (const auto& [timeout, code] : {std::pair("lock_timeout", ErrorCode::Overloaded),
                                      {"statement_timeout", ErrorCode::DeadlineExceeded}}) {
    execute("ALTER ROLE " + role() + " SET " + timeout + " = '1s'");
    const auto store = value_of(open(url));
    hold_the_lock();
    const auto failed = test::error_of(store->append(test::append_to("timed")));
    EXPECT_EQ(failed.code, code) << failed.message;
    EXPECT_NE(failed.message.find("nothing was written"), std::string::npos) << failed.message;
    EXPECT_EQ(test::read_stream(*store, "s").size(), 1U);
    execute("ROLLBACK");
    EXPECT_EQ(test::read_stream(*store, "timed").size(), 0U);
    execute("ALTER ROLE " + role() + " RESET " + timeout);
  }
  EXPECT_TRUE(value_of(open(url))->append(test::append_to("timed")));
}

TEST_F(Troubles, OfNoConnectionsLeftAreWaitedFor) {
  append("s");
  const auto url = url_of_role("SELECT, INSERT");
  execute("ALTER ROLE " + role() + " CONNECTION LIMIT 0");
  EXPECT_EQ(
      code_of(ask_while({ErrorCode::DeadlineExceeded}, [&] { return open(url + "&patience=1"); })),
      ErrorCode::Unavailable);
  std::promise<void> told;
  OpenOptions options;
  options.on_notice = [&](const Notice& notice) {
    if (notice.message.find("cannot be reached") != std::string::npos) told.set_value();
  };
  auto opened = std::async(std::launch::async, [&] { return open(url, options); });
  told.get_future().wait();
  execute("ALTER ROLE " + role() + " CONNECTION LIMIT -1");
  EXPECT_TRUE(value_of(opened.get())->append(test::append_to("s")));
}

// Neither is a wrong password tried for as long.
TEST_F(Troubles, OfADatabaseThatIsNotThereAreSaidAtOnce) {
  auto url = url_;
  url.replace(url.find("/postgres?"), 10, "/nosuch?");
  const auto began = std::chrono::steady_clock::now();
  const auto refused = test::error_of(open(url));
  EXPECT_EQ(refused.code, ErrorCode::Unavailable);
  EXPECT_NE(refused.message.find("\"nosuch\" does not exist (SQLSTATE 3D000)"), std::string::npos)
      << refused.message;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
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

TEST(WrongPasswords, AreRefusedAtOnceByWhoeverAsksForThem) {
  test::OwnServer server;
  execute_at(server.uri(), "CREATE ROLE eve LOGIN PASSWORD 'right'");
  execute_at(server.uri(), "GRANT CREATE ON DATABASE postgres TO eve");
  {
    std::ofstream hba(server.folder() / "data" / "pg_hba.conf");
    hba << "host all eve 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n";
  }
  server.crash();
  server.start();
  const auto as_eve = [&](const std::string& password) {
    auto uri = server.uri();
    return uri.replace(uri.find("eventstore@"), 11, "eve" + password + "@");
  };
  Notices notices;
  for (const auto* const password : {":wrong", ""}) {
    const auto failed = test::error_of(open(as_eve(password), notices.options()));
    EXPECT_EQ(failed.code, ErrorCode::Unavailable) << failed.message;
    EXPECT_EQ(failed.message.find("wrong"), std::string::npos) << failed.message;
  }
  EXPECT_EQ(notices.count("is tried"), 0U);
  // A store that is open goes on with its sessions, and says so where it needs another.
  const auto store = value_of(open(as_eve(":right"), notices.options()));
  value_of(store->append(test::append_to("s")));
  execute_at(server.uri(), "ALTER ROLE eve PASSWORD 'changed'");
  value_of(store->append(test::append_to("s")));
  end_sessions(server.uri());
  const auto failed = test::error_of(store->append(test::append_to("s")));
  EXPECT_EQ(failed.code, ErrorCode::Unavailable) << failed.message;
  EXPECT_NE(failed.message.find("28P01"), std::string::npos) << failed.message;
}

// As a pooler comes from its package: it takes no options with a connection.
TEST(Poolers, OfSessionsAreToldWhatTheirSessionsAre) {
  OwnServer server;
  const test::OwnPooler pooler(server, "session");
  Notices notices;
  const auto store = value_of(open(OwnServer::uri(pooler.port()), notices.options()));
  EXPECT_EQ(value_of(store->append(test::append_to("s"))).last_position, GlobalPosition{1});
  EXPECT_EQ(test::read_events(*store).size(), 1U);
  const auto connection = Connection::open(
      {.uri = OwnServer::uri(pooler.port()), .session = {{"TimeZone", "Japan"}}}, soon());
  ASSERT_TRUE(connection) << connection.error().message;
  const auto zone = (*connection)->run({.sql = "SHOW TimeZone"}, soon());
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->text(0, 0), "Japan");
  const auto refused =
      Connection::open({.uri = OwnServer::uri(pooler.port()) + "?options=-c%20jit%3Doff"}, soon());
  ASSERT_FALSE(refused);
  EXPECT_FALSE(refused.error().is_passing()) << refused.error().message;
}

}  // namespace
}  // namespace eventstore::postgres
