#include "eventstore/state.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/checkpoint.hpp"
#include "eventstore/lease.hpp"
#include "eventstore/state_migration.hpp"
#include "support/engines.hpp"

// The state database of each engine.
namespace eventstore {
namespace {

using test::code_of;
using test::Engine;
using test::value_of;

Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

class State : public test::EngineTest {
 protected:
  StateDatabase& state() {
    if (state_ == nullptr) {
      store();
      state_ = value_of(open_state(url()));
    }
    return *state_;
  }
  std::unique_ptr<StateTransaction> begin() { return value_of(state().begin(soon())); }
  // In a transaction of its own.
  SqlRows run(std::string_view sql, std::initializer_list<SqlParameter> parameters = {}) {
    const auto transaction = begin();
    auto rows = value_of(transaction->run(sql, parameters));
    value_of(transaction->commit());
    return rows;
  }
  std::int64_t number(std::string_view sql) { return run(sql).integer(0, 0); }
  CheckpointOutcome move(std::uint64_t from, std::uint64_t to) {
    const auto transaction = begin();
    const auto outcome = value_of(store_checkpoint(*transaction, "reader", {from}, {to}));
    value_of(transaction->commit());
    return outcome;
  }
  LeaseAnswer acquire(std::string_view owner, std::chrono::milliseconds duration) {
    const auto transaction = begin();
    auto answer = value_of(acquire_lease(*transaction, "work", owner, duration));
    value_of(transaction->commit());
    return answer;
  }
  bool holds(const Lease& lease) { return value_of(holds_lease(*begin(), lease)); }
  void close_state() { state_.reset(); }

 private:
  std::unique_ptr<StateDatabase> state_;
};

INSTANTIATE_TEST_SUITE_P(Engines, State, testing::ValuesIn(test::all_engines()), test::engine_name);

// In memory all transactions are one at a time, and end with the object.
class PersistentState : public State {};

INSTANTIATE_TEST_SUITE_P(Engines, PersistentState, testing::ValuesIn(test::persistent_engines()),
                         test::engine_name);

constexpr auto kMinute = std::chrono::minutes(1);
constexpr auto kNoTime = std::chrono::milliseconds(0);

TEST_P(State, GivesValuesBackAsTheyWere) {
  run("CREATE TABLE things (n BIGINT, r DOUBLE PRECISION, t TEXT, b BYTEA)");
  const std::string bytes("\0\xff'\"\n", 5);
  const std::string text = "Gr\xc3\xbc\xc3\x9f' \"Gott\" $1 \\";
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const auto transaction = begin();
  constexpr const char* kInsert = "INSERT INTO things (n, r, t, b) VALUES ($1, $2, $3, $4)";
  EXPECT_EQ(value_of(transaction->run(kInsert, {kLeast, -0.1, text, SqlBlobView{bytes}})).changed(),
            1U);
  value_of(transaction->run(kInsert, {kMost, 1e300, "", SqlBlobView{}}));
  value_of(transaction->run(kInsert, {SqlParameter{}, SqlParameter{}, SqlParameter{}, {}}));
  const auto rows =
      value_of(transaction->run("SELECT n, r, t, b FROM things ORDER BY n IS NULL, n"));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows.changed(), 0U);
  EXPECT_EQ(rows.at(0, 0), SqlValue(kLeast));
  EXPECT_EQ(rows.at(0, 1), SqlValue(-0.1));
  EXPECT_EQ(rows.at(0, 2), SqlValue(text));
  EXPECT_EQ(rows.at(0, 3), SqlValue(SqlBlob{bytes}));
  EXPECT_EQ(rows.at(1, 0), SqlValue(kMost));
  EXPECT_EQ(rows.at(1, 1), SqlValue(1e300));
  EXPECT_EQ(rows.at(1, 2), SqlValue(std::string()));
  EXPECT_EQ(rows.at(1, 3), SqlValue(SqlBlob{}));
  for (std::size_t column = 0; column < 4; ++column) EXPECT_TRUE(rows.is_null(2, column));
}

TEST_P(State, CountsAndAddsUp) {
  run("CREATE TABLE numbers (n BIGINT NOT NULL)");
  const auto transaction = begin();
  std::vector<std::vector<SqlParameter>> rows;
  for (std::int64_t n = 1; n <= 3'000; ++n) rows.push_back({n});
  EXPECT_EQ(value_of(transaction->run_each("INSERT INTO numbers (n) VALUES ($1)", rows)), 3'000U);
  const auto sums = value_of(
      transaction->run("SELECT count(*), sum(n), -sum(n), avg(n), max(n) > 5 FROM numbers"));
  EXPECT_EQ(sums.integer(0, 0), 3'000);
  EXPECT_EQ(sums.integer(0, 1), 4'501'500);
  EXPECT_EQ(sums.integer(0, 2), -4'501'500);
  EXPECT_DOUBLE_EQ(sums.real(0, 3), 1'500.5);
  EXPECT_EQ(sums.integer(0, 4), 1);
  const auto changed = value_of(transaction->run("UPDATE numbers SET n = n + 1 WHERE n > 2999"));
  EXPECT_EQ(changed.changed(), 1U);
  const auto given =
      value_of(transaction->run("DELETE FROM numbers WHERE n IN ($2, $1, $2) RETURNING n",
                                {std::int64_t{7}, std::int64_t{9}}));
  EXPECT_EQ(given.changed(), 2U);
  EXPECT_EQ(given.size(), 2U);
}

TEST_P(State, DoesAllOfATransactionOrNothing) {
  run("CREATE TABLE numbers (n BIGINT PRIMARY KEY)");
  {
    const auto transaction = begin();
    value_of(transaction->run("INSERT INTO numbers (n) VALUES (1)"));
  }
  EXPECT_EQ(number("SELECT count(*) FROM numbers"), 0);
  const auto transaction = begin();
  value_of(transaction->run("INSERT INTO numbers (n) VALUES (1)"));
  EXPECT_EQ(code_of(transaction->run("INSERT INTO numbers (n) VALUES (1)")),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(transaction->run("INSERT INTO numbers (n) VALUES (2)")),
            ErrorCode::InvalidArgument);
  EXPECT_FALSE(transaction->commit());
}

TEST_P(State, GoesOnAfterATransactionThatFailed) {
  for (const auto* wrong : {"SELECT", "SELECT n FROM nowhere", "SELECT 1 / 'x'",
                            "INSERT INTO state_leases (name) VALUES ('x')"}) {
    const auto failed = begin()->run(wrong);
    if (failed) continue;  // SQLite divides anything
    EXPECT_EQ(failed.error().code, ErrorCode::InvalidArgument) << failed.error().message;
  }
  EXPECT_EQ(number("SELECT count(*) FROM state_leases"), 0);
}

TEST_P(PersistentState, ReadsOneStateAndWritesNothingMeanwhile) {
  run("CREATE TABLE numbers (n BIGINT)");
  const auto reading = value_of(state().begin_read(soon()));
  EXPECT_EQ(value_of(reading->run("SELECT count(*) FROM numbers")).integer(0, 0), 0);
  run("INSERT INTO numbers (n) VALUES (1)");
  EXPECT_EQ(value_of(reading->run("SELECT count(*) FROM numbers")).integer(0, 0), 0);
  EXPECT_EQ(code_of(reading->run("INSERT INTO numbers (n) VALUES (2)")), ErrorCode::ReadOnly);
  EXPECT_EQ(number("SELECT count(*) FROM numbers"), 1);
}

TEST_P(State, WaitsForAnotherWriterUntilItsDeadline) {
  run("CREATE TABLE numbers (n BIGINT)");
  run("INSERT INTO numbers (n) VALUES (1)");
  const auto writing = begin();
  value_of(writing->run("UPDATE numbers SET n = 2"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  auto late = state().begin(deadline);
  if (late) {
    EXPECT_EQ(code_of((*late)->run("UPDATE numbers SET n = 3")), ErrorCode::DeadlineExceeded);
  } else {
    EXPECT_EQ(late.error().code, ErrorCode::DeadlineExceeded);
  }
  value_of(writing->commit());
  EXPECT_EQ(number("SELECT n FROM numbers"), 2);
}

TEST_P(State, MovesACheckpointOnce) {
  EXPECT_EQ(move(0, 5), CheckpointOutcome::Stored);
  EXPECT_EQ(move(0, 5), CheckpointOutcome::AlreadyThere);
  EXPECT_EQ(move(0, 3), CheckpointOutcome::Behind);
  EXPECT_EQ(move(0, 7), CheckpointOutcome::Mismatch);
  EXPECT_EQ(move(4, 6), CheckpointOutcome::Mismatch);
  EXPECT_EQ(move(6, 7), CheckpointOutcome::Mismatch);
  EXPECT_EQ(move(5, 9), CheckpointOutcome::Stored);
  EXPECT_EQ(code_of(store_checkpoint(*begin(), "reader", {9}, {8})), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(store_checkpoint(*begin(), "", {}, {1})), ErrorCode::InvalidArgument);

  const auto transaction = begin();
  EXPECT_EQ(value_of(store_checkpoint(*transaction, "none", {1}, {2})),
            CheckpointOutcome::Mismatch);
  const auto found = value_of(load_checkpoint(*transaction, "reader"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->position, GlobalPosition{9});
  EXPECT_LE(found->stored_at, transaction->now());
  EXPECT_GT(found->stored_at, transaction->now() - std::chrono::minutes(10));
  EXPECT_FALSE(value_of(load_checkpoint(*transaction, "none")));
}

TEST_P(State, ListsAndRemovesCheckpoints) {
  const auto transaction = begin();
  for (const auto* name : {"b", "a%2", "a%1", "A%"}) {
    value_of(store_checkpoint(*transaction, name, {}, {1}));
  }
  std::vector<std::string> names;
  for (const auto& found : value_of(list_checkpoints(*transaction, "a%"))) {
    names.push_back(found.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a%1", "a%2"}));
  EXPECT_TRUE(value_of(remove_checkpoint(*transaction, "b")));
  EXPECT_FALSE(value_of(remove_checkpoint(*transaction, "b")));
  EXPECT_EQ(value_of(list_checkpoints(*transaction, "")).size(), 3U);
}

// What is stored with a checkpoint is stored once, however many try.
TEST_P(State, CommitsTheSameWorkOnce) {
  constexpr std::uint64_t kLast = 200;
  run("CREATE TABLE work (done BIGINT NOT NULL)");
  run("INSERT INTO work (done) VALUES (0)");
  std::atomic<std::uint64_t> stored = 0;
  const auto work = [&] {
    std::uint64_t at = 0;
    while (at < kLast) {
      const auto transaction = begin();
      const auto outcome = value_of(store_checkpoint(*transaction, "reader", {at}, {at + 1}));
      if (outcome == CheckpointOutcome::Stored) {
        value_of(transaction->run("UPDATE work SET done = done + 1"));
        value_of(transaction->commit());
        ++stored;
        ++at;
      } else {
        at = value_of(load_checkpoint(*transaction, "reader"))->position.value;
      }
    }
  };
  state();
  {
    std::vector<std::jthread> workers;
    for (int worker = 0; worker < 4; ++worker) workers.emplace_back(work);
  }
  EXPECT_EQ(stored, kLast);
  EXPECT_EQ(number("SELECT done FROM work"), static_cast<std::int64_t>(kLast));
}

TEST_P(State, GivesALeaseToOne) {
  auto first = acquire("one", kMinute);
  ASSERT_TRUE(first.acquired);
  EXPECT_EQ(first.lease.fence, 1);
  const auto second = acquire("two", kMinute);
  EXPECT_FALSE(second.acquired);
  EXPECT_EQ(second.lease.owner, "one");
  EXPECT_EQ(second.lease.expires_at, first.lease.expires_at);
  EXPECT_FALSE(acquire("one", kMinute).acquired);  // another of the same name
  EXPECT_TRUE(holds(first.lease));

  const auto before = first.lease.expires_at;
  const auto transaction = begin();
  EXPECT_TRUE(value_of(renew_lease(*transaction, first.lease, 2 * kMinute)));
  EXPECT_GT(first.lease.expires_at, before);
  EXPECT_TRUE(value_of(release_lease(*transaction, first.lease)));
  EXPECT_FALSE(value_of(holds_lease(*transaction, first.lease)));
  EXPECT_FALSE(value_of(renew_lease(*transaction, first.lease, kMinute)));
  value_of(transaction->commit());
  EXPECT_TRUE(acquire("two", kMinute).acquired);
}

TEST_P(State, FencesWhoHasLostItsLease) {
  auto late = acquire("late", kNoTime);
  ASSERT_TRUE(late.acquired);
  EXPECT_TRUE(holds(late.lease));  // it has run out, and nobody has taken it
  const auto next = acquire("next", kMinute);
  ASSERT_TRUE(next.acquired);
  EXPECT_GT(next.lease.fence, late.lease.fence);
  const auto transaction = begin();
  EXPECT_FALSE(value_of(holds_lease(*transaction, late.lease)));
  EXPECT_FALSE(value_of(renew_lease(*transaction, late.lease, kMinute)));
  EXPECT_FALSE(value_of(release_lease(*transaction, late.lease)));
  EXPECT_TRUE(value_of(holds_lease(*transaction, next.lease)));
  EXPECT_EQ(value_of(find_lease(*transaction, "work"))->owner, "next");
  EXPECT_FALSE(value_of(find_lease(*transaction, "other")));
}

// Whoever asked in a transaction whether it has the lease has it until the end of that.
TEST_P(State, TakesALeaseFromNobodyWhoIsWriting) {
  run("CREATE TABLE written (fence BIGINT NOT NULL)");
  state();
  std::atomic<int> writes = 0;
  const auto contend = [&](const std::string& name) {
    while (writes < 60) {
      const auto answer = acquire(name, kNoTime);
      if (!answer.acquired) continue;
      const auto transaction = begin();
      if (!value_of(holds_lease(*transaction, answer.lease))) continue;
      // Every higher one is of somebody who has taken the lease since.
      const auto written = transaction->run("SELECT coalesce(max(fence), 0) FROM written");
      EXPECT_LE(value_of(written).integer(0, 0), answer.lease.fence);
      value_of(transaction->run("INSERT INTO written (fence) VALUES ($1)", {answer.lease.fence}));
      value_of(transaction->commit());
      ++writes;
    }
  };
  {
    std::vector<std::jthread> contenders;
    for (const auto* name : {"one", "two", "three"}) {
      contenders.emplace_back([&, name] { contend(name); });
    }
  }
  EXPECT_GE(number("SELECT max(fence) FROM written"), 20);
}

constexpr std::array kMigrations = {
    StateMigration{.number = 1,
                   .name = "first",
                   .script = "CREATE TABLE mine (n BIGINT); INSERT INTO mine (n) VALUES (1);"},
    StateMigration{.number = 2, .name = "second", .script = "UPDATE mine SET n = n + 1;"}};

TEST_P(State, RunsEachMigrationOnce) {
  state();
  const auto first = std::span(kMigrations).first(1);
  EXPECT_EQ(code_of(migrate_state(state(), "mine", first, soon(), /*apply=*/false)),
            ErrorCode::UnsupportedFormat);
  value_of(migrate_state(state(), "mine", first, soon()));
  {
    std::vector<std::jthread> processes;
    for (int process = 0; process < 4; ++process) {
      processes.emplace_back(
          [&] { value_of(migrate_state(state(), "mine", kMigrations, soon())); });
    }
  }
  EXPECT_EQ(number("SELECT n FROM mine"), 2);
  EXPECT_EQ(code_of(migrate_state(state(), "mine", first, soon())), ErrorCode::UnsupportedFormat);
  value_of(migrate_state(state(), "mine", kMigrations, soon(), /*apply=*/false));
}

TEST_P(State, RunsAllMigrationsOrNone) {
  state();
  const std::array broken = {kMigrations[0],
                             StateMigration{.number = 2, .name = "broken", .script = "NONSENSE;"}};
  EXPECT_EQ(code_of(migrate_state(state(), "mine", broken, soon())), ErrorCode::InvalidArgument);
  value_of(migrate_state(state(), "mine", kMigrations, soon()));
  EXPECT_EQ(number("SELECT n FROM mine"), 2);
}

TEST_P(PersistentState, IsThereWhenItIsOpenedAgain) {
  EXPECT_EQ(code_of(open_state(url())), ErrorCode::NotFound);  // there is no store
  store();
  EXPECT_EQ(code_of(open_state(url(), {.read_only = true})), ErrorCode::NotFound);
  EXPECT_EQ(code_of(open_state(url(), {.migrate = false})), ErrorCode::NotFound);
  EXPECT_EQ(move(0, 5), CheckpointOutcome::Stored);
  close_state();

  const auto reader = value_of(open_state(url(), {.read_only = true}));
  EXPECT_EQ(code_of(reader->begin(soon())), ErrorCode::ReadOnly);
  const auto reading = value_of(reader->begin_read(soon()));
  EXPECT_EQ(value_of(load_checkpoint(*reading, "reader"))->position, GlobalPosition{5});
  EXPECT_EQ(move(5, 6), CheckpointOutcome::Stored);
}

// The store's own checks leave it alone.
TEST_P(State, IsNoPartOfTheLog) {
  value_of(store().append(test::append_to("s")));
  EXPECT_EQ(move(0, 1), CheckpointOutcome::Stored);
  EXPECT_TRUE(value_of(store().verify()).findings.empty());
  if (GetParam().persists) {
    EXPECT_EQ(test::read_events(reopen()).size(), 1U);
  }
}

}  // namespace
}  // namespace eventstore
