#include "postgres/connection.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "support/postgres_server.hpp"

namespace eventstore::postgres {
namespace {

Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(20);
}

std::string setting(Connection& connection, const std::string& name) {
  const auto sql = "SELECT current_setting('" + name + "')";
  const auto rows = connection.run({.sql = sql}, soon());
  return rows ? std::string(rows->text(0, 0)) : rows.error().message;
}

TEST(Connection, TakesOptionsOfItsUriBesideThoseItIsGiven) {
  const auto connection = Connection::open(
      {.uri = test::postgres_url() + "?options=-c%20lock_timeout%3D7s%20-c%20TimeZone%3DJapan",
       .options = "-c jit=off -c TimeZone=UTC"},
      soon());
  ASSERT_TRUE(connection);
  EXPECT_EQ(setting(**connection, "lock_timeout"), "7s");
  EXPECT_EQ(setting(**connection, "jit"), "off");
  EXPECT_EQ(setting(**connection, "TimeZone"), "Japan");
}

TEST(Connection, TakesTheNameOfItsUri) {
  const auto connection = Connection::open(
      {.uri = test::postgres_url() + "?application_name=somebody", .application_name = "nobody"},
      soon());
  ASSERT_TRUE(connection);
  EXPECT_EQ(setting(**connection, "application_name"), "somebody");
}

}  // namespace
}  // namespace eventstore::postgres
