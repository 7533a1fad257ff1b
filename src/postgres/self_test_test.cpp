#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "eventstore/postgres_self_test.hpp"
#include "postgres/connection.hpp"
#include "support/postgres_server.hpp"
#include "support/store_access.hpp"

namespace eventstore::postgres {
namespace {

std::uint64_t schemas_left() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto connection = Connection::open({.uri = test::postgres_url()}, deadline);
  if (!connection) throw std::runtime_error(connection.error().message);
  const auto rows = (*connection)
                        ->run({.sql = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE"
                                      " 'eventstore_selftest_%'"},
                              deadline);
  if (!rows) throw std::runtime_error(rows.error().message);
  return rows->int8(0, 0);
}

TEST(PostgresSelfTest, FindsNothingAndLeavesNothing) {
  const auto before = schemas_left();
  const auto report = test::value_of(run_postgres_self_test(
      test::postgres_url(), {.events_max = 2000, .writers = 3, .subscribers = 2}));
  EXPECT_EQ(report.findings, std::vector<std::string>{});
  EXPECT_GE(report.events, 2000);
  // Another test of this server may have made one meanwhile, and is about to take it away.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (schemas_left() > before && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_LE(schemas_left(), before);
}

TEST(PostgresSelfTest, EndsWhenItIsCancelled) {
  const std::stop_source cancelled;
  cancelled.request_stop();
  const auto report = test::value_of(run_postgres_self_test(
      test::postgres_url(),
      {.writers = 2, .subscribers = 1, .cancellation = cancelled.get_token()}));
  EXPECT_EQ(report.findings, std::vector<std::string>{});
  EXPECT_LT(report.events, 50'000);
}

TEST(PostgresSelfTest, RefusesWhatItCannotDo) {
  EXPECT_EQ(test::code_of(run_postgres_self_test(test::postgres_url(), {.writers = 0})),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(test::code_of(run_postgres_self_test("postgresql://localhost/?schema=1", {})),
            ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace eventstore::postgres
