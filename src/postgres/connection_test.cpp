#include "postgres/connection.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "core/time_range.hpp"
#include "support/fake_server.hpp"
#include "support/postgres_server.hpp"
#include "support/store_access.hpp"

namespace eventstore::postgres {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

std::string setting(Connection& connection, const std::string& name) {
  const auto rows = connection.run(
      {.sql = "SELECT current_setting($1::text)", .parameters = Parameters().text(name)}, in(30s));
  return rows ? std::string(rows->text(0, 0)) : rows.error().message;
}

class ConnectionTest : public testing::Test {
 protected:
  static std::unique_ptr<Connection> connect() {
    auto made = Connection::open({.uri = test::postgres_url()}, in(30s));
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
  }
  std::unique_ptr<Connection> connection_ = connect();
};

TEST_F(ConnectionTest, CarriesValuesOfEveryTypeBothWays) {
  const auto id = test::id_of(7);
  const auto time = *parse_timestamp("1969-12-31T23:59:59.999999Z");
  const Call call{
      .sql =
          "SELECT $1::bigint, $2::int, $3::boolean, $4::text, $5::bytea, $6::uuid, $7::timestamptz,"
          " $8::text, $9::smallint",
      .parameters = std::move(Parameters()
                                  .int8(std::numeric_limits<std::int64_t>::max())
                                  .int4(-5)
                                  .boolean(true)
                                  .text("gr\xc3\xbc\xc3\x9f")
                                  .text(std::string_view("\0\xff", 2))
                                  .uuid(id)
                                  .timestamptz(time)
                                  .null()
                                  .null())};
  for (int round = 0; round < 3; ++round) {
    const auto rows = connection_->run(call, in(30s));
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(rows->int8(0, 0), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(rows->int4(0, 1), -5);
    EXPECT_TRUE(rows->boolean(0, 2));
    EXPECT_EQ(rows->text(0, 3), "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(rows->text(0, 4), std::string_view("\0\xff", 2));
    EXPECT_EQ(rows->uuid(0, 5), id);
    EXPECT_EQ(rows->timestamptz(0, 6), time);
    EXPECT_TRUE(rows->is_null(0, 7));
    EXPECT_EQ(rows->int2(0, 8), 0);
  }
}

TEST_F(ConnectionTest, CarriesArrays) {
  const std::vector<std::uint64_t> numbers = {1, 0, 1ULL << 62};
  const std::vector<std::string_view> texts = {"", "a", "NULL"};
  const std::vector<std::optional<Timestamp>> times = {kTimestampMin, std::nullopt, kTimestampMax};
  for (const std::size_t size : {0U, 1U, 3U}) {
    const auto rows = connection_->run(
        {.sql = "SELECT n, t, s, $1::bigint[] FROM unnest($1::bigint[], $2::text[], "
                "$3::timestamptz[]) a(n, t, s)",
         .parameters = std::move(Parameters()
                                     .int8_array(std::span(numbers).first(size))
                                     .text_array(std::span(texts).first(size))
                                     .timestamptz_array(std::span(times).first(size)))},
        in(30s));
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), static_cast<int>(size));
    for (int row = 0; row < rows->size(); ++row) {
      const auto index = static_cast<std::size_t>(row);
      EXPECT_EQ(rows->int8(row, 0), numbers[index]);
      EXPECT_EQ(rows->text(row, 1), texts[index]);
      EXPECT_EQ(rows->is_null(row, 2), !times[index]);
      EXPECT_TRUE(!times[index] || rows->timestamptz(row, 2) == *times[index]);
      EXPECT_EQ(rows->int8_array(row, 3),
                std::vector(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(size)));
    }
  }
}

TEST_F(ConnectionTest, DoesNothingOfAGroupWhereOneFails) {
  const std::array calls = {Call{.sql = "CREATE TEMPORARY TABLE made (n int)"},
                            Call{.sql = "SELECT 1/0"}, Call{.sql = "SELECT 1"}};
  const auto failed = connection_->run(calls, in(30s));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, Failure::Kind::Refused);
  EXPECT_EQ(failed.error().sqlstate, "22012");
  EXPECT_FALSE(connection_->is_lost());
  const auto there = connection_->run({.sql = "SELECT to_regclass('made') IS NULL"}, in(30s));
  ASSERT_TRUE(there);
  EXPECT_TRUE(there->boolean(0, 0));
}

TEST_F(ConnectionTest, FailsWhereTheEndOfATransactionDoes) {
  ASSERT_TRUE(connection_->run_script(
      "CREATE TEMPORARY TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)", in(30s)));
  const std::array calls = {Call{.sql = "INSERT INTO late VALUES (1)"},
                            Call{.sql = "INSERT INTO late VALUES (1)"}};
  const auto failed = connection_->run(calls, in(30s));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sqlstate, "23505");
  EXPECT_EQ(connection_->run({.sql = "SELECT count(*) FROM late"}, in(30s))->int8(0, 0), 0U);
}

TEST_F(ConnectionTest, RunsGroupsAsTransactionsOfTheirOwn) {
  ASSERT_TRUE(connection_->run_script("CREATE TEMPORARY TABLE kept (n int)", in(30s)));
  const std::array first = {Call{.sql = "INSERT INTO kept VALUES (1)"}};
  const std::array second = {Call{.sql = "INSERT INTO kept VALUES (2)"}, Call{.sql = "SELECT 1/0"}};
  const std::array<std::span<const Call>, 2> groups = {first, second};
  EXPECT_FALSE(connection_->run_groups(groups, in(30s)));
  EXPECT_EQ(connection_->run({.sql = "SELECT count(*) FROM kept"}, in(30s))->int8(0, 0), 1U);
}

TEST_F(ConnectionTest, SendsAndTakesMoreThanSocketsHold) {
  const std::string large(8 << 20, 'x');
  const std::vector<Call> calls(6,
                                {.sql = "SELECT $1::text", .parameters = Parameters().text(large)});
  const auto rows = connection_->run(calls, in(60s));
  ASSERT_TRUE(rows) << rows.error().message;
  for (const auto& one : *rows) EXPECT_EQ(one.text(0, 0).size(), large.size());
}

TEST_F(ConnectionTest, IsLostWhereTheServerTakesTooLong) {
  const auto late = connection_->run({.sql = "SELECT pg_sleep(30)"}, in(100ms));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, Failure::Kind::TimedOut);
  EXPECT_TRUE(connection_->is_lost());
  EXPECT_FALSE(connection_->is_usable());
}

TEST_F(ConnectionTest, IsLostWhereTheServerEndsIt) {
  const auto pid = connection_->run({.sql = "SELECT pg_backend_pid()"}, in(30s))->int4(0, 0);
  EXPECT_TRUE(connection_->is_usable());
  const auto other = connect();
  const auto ended = other->run(
      {.sql = "SELECT pg_terminate_backend($1::int, 30000)", .parameters = Parameters().int4(pid)},
      in(60s));
  ASSERT_TRUE(ended && ended->boolean(0, 0));
  EXPECT_FALSE(connection_->is_usable());
  const auto failed = connection_->run({.sql = "SELECT 1"}, in(30s));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, Failure::Kind::ConnectionLost);
}

TEST_F(ConnectionTest, SaysWhatIsWrongWhereItCannotBeMade) {
  const auto none = Connection::open({.uri = "postgresql://127.0.0.1:1/none"}, in(30s));
  ASSERT_FALSE(none);
  EXPECT_EQ(to_error(none.error()).code, ErrorCode::Unavailable);
}

TEST_F(ConnectionTest, FailsWithWhatTheLastServerSaidThatSaidAnything) {
  const test::FakeServer refusing(test::FakeServer::refusal("57P03", "it is starting up"));
  const test::FakeServer silent;
  const auto refusing_port = std::to_string(refusing.port());
  const auto silent_port = std::to_string(silent.port());
  for (const auto& ports :
       {refusing_port + "," + silent_port, silent_port + "," + refusing_port + "," + silent_port}) {
    std::string hosts = "127.0.0.1";
    for (auto left = std::ranges::count(ports, ','); left > 0; --left) hosts += ",127.0.0.1";
    const auto failed =
        Connection::open({.uri = "postgresql:///db?user=eve&sslmode=disable&gssencmode=disable"
                                 "&host=" +
                                 hosts + "&port=" + ports},
                         in(1s));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().sqlstate, "57P03") << ports << ": " << failed.error().message;
    EXPECT_TRUE(failed.error().message.contains("it is starting up")) << failed.error().message;
  }
  EXPECT_GT(silent.clients(), 0U);
}

TEST_F(ConnectionTest, IsNotWaitedForWhereThisProcessHasNoDescriptorLeft) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto failed = Connection::open({.uri = test::postgres_url()}, in(30s));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(failed);
  EXPECT_EQ(to_error(failed.error()).code, ErrorCode::OutOfResources) << failed.error().message;
  EXPECT_FALSE(failed.error().is_passing());
}

TEST_F(ConnectionTest, TakesOptionsOfItsUriBesideThoseItIsGiven) {
  const auto connection = Connection::open(
      {.uri = test::postgres_url() + "?options=-c%20lock_timeout%3D7s%20-c%20TimeZone%3DJapan",
       .session = {{"jit", "off"}, {"TimeZone", "UTC"}}},
      in(30s));
  ASSERT_TRUE(connection);
  EXPECT_EQ(setting(**connection, "lock_timeout"), "7s");
  EXPECT_EQ(setting(**connection, "jit"), "off");
  EXPECT_EQ(setting(**connection, "TimeZone"), "Japan");
}

// Names are the server's to read: in any case, and as a switch of its program.
TEST_F(ConnectionTest, TakesOptionsOfItsUriHoweverTheyAreWritten) {
  const auto connection =
      Connection::open({.uri = test::postgres_url() +
                               "?options=-c%20timezone%3DJapan%20--idle-in-transaction-session-"
                               "timeout%3D7s",
                        .session = {{"idle_in_transaction_session_timeout", "10s"},
                                    {"TimeZone", "UTC"},
                                    {"jit", "off"}}},
                       in(30s));
  ASSERT_TRUE(connection);
  EXPECT_EQ(setting(**connection, "TimeZone"), "Japan");
  EXPECT_EQ(setting(**connection, "idle_in_transaction_session_timeout"), "7s");
  EXPECT_EQ(setting(**connection, "jit"), "off");
}

TEST_F(ConnectionTest, TakesTheNameOfItsUri) {
  const auto connection = Connection::open(
      {.uri = test::postgres_url() + "?application_name=somebody", .application_name = "nobody"},
      in(30s));
  ASSERT_TRUE(connection);
  EXPECT_EQ(setting(**connection, "application_name"), "somebody");
}

}  // namespace
}  // namespace eventstore::postgres
