#include <chrono>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "projection/projection_test_support.hpp"

// Projections on each engine.
namespace eventstore::projection {
namespace {

using test::code_of;
using test::value_of;

class Projecting : public ProjectionTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Projecting, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(Projecting, CountsEventsByType) {
  append("order-1", "Placed", 3);
  append("order-2", "Shipped", 2);
  const auto projection = make_builtin_projection("event-type-count");
  run_once(*projection);
  EXPECT_EQ(document("event-type-count", "Placed"), R"({"count":3})");
  EXPECT_EQ(document("event-type-count", "Shipped"), R"({"count":2})");
  append("order-3", "Placed", 1);
  run_once(*projection);
  EXPECT_EQ(document("event-type-count", "Placed"), R"({"count":4})");
  EXPECT_EQ(value_of(projections().status("event-type-count"))->events, 6U);
}

TEST_P(Projecting, AppliesWhatIsAppendedWhileItRuns) {
  Totals totals;
  const auto running = value_of(projections().run(totals));
  for (int round = 0; round < 20; ++round) {
    const auto position = append("account-" + std::to_string(round % 3), "Paid", 5);
    value_of(running->wait_for(position, soon()));
    EXPECT_EQ(sum_of("totals"), static_cast<std::int64_t>(position.value));
  }
  value_of(running->stop(soon()));
  EXPECT_EQ(running->phase(), ProjectionPhase::Ended);
}

TEST_P(Projecting, GivesTheSameWithAnyNumberOfWorkers) {
  for (int stream = 0; stream < 50; ++stream) {
    append("account-" + std::to_string(stream), "Paid", static_cast<std::size_t>(stream % 7 + 1));
  }
  Totals totals;
  for (const std::uint32_t workers : {1U, 4U, 3U}) {
    run_once(totals, {.workers = workers});
    expect_fold_of_all("totals");
    append("account-7", "Paid", 3);
    append("other-" + std::to_string(workers), "Paid", 2);
    run_once(totals, {.workers = workers});
    expect_fold_of_all("totals");
    EXPECT_EQ(value_of(projections().status("totals"))->workers, workers);
  }
}

TEST_P(Projecting, HasTablesThatUsersQuery) {
  append("account-1", "Paid", 2);
  append("account-2", "Paid", 1);
  PaymentRows rows;
  run_once(rows);
  const auto found = query("SELECT stream, payments FROM payments ORDER BY stream");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.text(0, 0), "account-1");
  EXPECT_EQ(found.integer(0, 1), 2);
  EXPECT_EQ(found.integer(1, 1), 1);
}

TEST_P(Projecting, IsRebuiltBesideTheRunningOne) {
  append("account-1", "Paid", 5);
  append("account-2", "Paid", 7);
  PaymentRows rows;
  const auto running = value_of(projections().run(rows));
  value_of(running->wait_for({12}, soon()));
  value_of(projections().rebuild(rows, {.run = {.workers = 2}}));
  EXPECT_EQ(query("SELECT sum(payments) FROM payments").integer(0, 0), 12);
  // It goes on with what has taken its place.
  const auto position = append("account-1", "Paid", 1);
  value_of(running->wait_for(position, soon()));
  EXPECT_EQ(query("SELECT sum(payments) FROM payments").integer(0, 0), 13);
  EXPECT_EQ(value_of(projections().status("payment-rows"))->workers, 1U);
  EXPECT_FALSE(value_of(projections().status("payment-rows"))->rebuild);
}

}  // namespace
}  // namespace eventstore::projection
