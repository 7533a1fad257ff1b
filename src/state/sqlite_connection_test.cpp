#include "state/sqlite_connection.hpp"

#include <chrono>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "core/posix_environment.hpp"
#include "support/store_access.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::state {
namespace {

using test::code_of;
using test::value_of;
using Mode = SqliteConnection::Mode;

class SqliteConnectionTest : public testing::Test {
 protected:
  Result<std::unique_ptr<SqliteConnection>> open(Mode mode = Mode::Write) {
    return SqliteConnection::open(path(), mode, *posix_environment().clock);
  }
  std::string path() const { return (folder_.path() / "state.sqlite").string(); }

  test::TemporaryDirectory folder_;
};

TEST_F(SqliteConnectionTest, CommitsToTheDisk) {
  const auto connection = value_of(open());
  EXPECT_EQ(value_of(connection->run("PRAGMA synchronous")).integer(0, 0), 2);  // FULL
  EXPECT_EQ(value_of(connection->run("PRAGMA journal_mode")).text(0, 0), "wal");
}

TEST_F(SqliteConnectionTest, ReadsOnlyWhereItMayNotWrite) {
  ASSERT_TRUE(value_of(open())->run("CREATE TABLE t (n BIGINT)"));
  for (const auto mode : {Mode::Read, Mode::ReadOnly}) {
    const auto reader = value_of(open(mode));
    EXPECT_EQ(value_of(reader->run("SELECT count(*) FROM t")).integer(0, 0), 0);
    EXPECT_EQ(code_of(reader->run("INSERT INTO t VALUES (1)")), ErrorCode::ReadOnly);
  }
}

TEST_F(SqliteConnectionTest, TakesOneStatementAndAllItsParameters) {
  const auto connection = value_of(open());
  EXPECT_EQ(code_of(connection->run("SELECT 1; SELECT 2")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(connection->run("")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(connection->run("SELECT $1")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(connection->run("SELECT ?")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(connection->run("SELECT nothing FROM nowhere")), ErrorCode::InvalidArgument);
}

TEST_F(SqliteConnectionTest, StopsAtItsDeadline) {
  const auto connection = value_of(open());
  connection->set_deadline(std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
  EXPECT_EQ(
      code_of(connection->run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                              " SELECT count(*) FROM n")),
      ErrorCode::DeadlineExceeded);
}

TEST_F(SqliteConnectionTest, WaitsForAnotherProcessUntilItsDeadline) {
  const auto one = value_of(open());
  const auto other = value_of(open());
  ASSERT_TRUE(one->run("BEGIN IMMEDIATE"));
  other->set_deadline(std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
  EXPECT_EQ(code_of(other->run("BEGIN IMMEDIATE")), ErrorCode::DeadlineExceeded);
}

TEST_F(SqliteConnectionTest, SaysWhatIsWrongWithAFile) {
  std::ofstream(path()) << std::string(4096, 'x');
  EXPECT_EQ(code_of(open()), ErrorCode::Corruption);
  EXPECT_EQ(code_of(SqliteConnection::open((folder_.path() / "none" / "state.sqlite").string(),
                                           Mode::Write, *posix_environment().clock)),
            ErrorCode::Io);
}

TEST_F(SqliteConnectionTest, ForgetsStatementsWhenThereAreTooMany) {
  const auto connection = value_of(open());
  for (int number = 0; number < 1'200; ++number) {
    const auto sql = "SELECT " + std::to_string(number);
    EXPECT_EQ(value_of(connection->run(sql)).integer(0, 0), number);
  }
}

}  // namespace
}  // namespace eventstore::state
