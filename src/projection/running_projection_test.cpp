#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "core/seeded_random.hpp"
#include "projection/projection_test_support.hpp"
#include "projection/turn.hpp"

// Instances of a projection: how they go on, stop, wait for each other, and are rebuilt.
namespace eventstore::projection {
namespace {

using test::code_of;
using test::value_of;

class Projecting : public ProjectionTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Projecting, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

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

TEST_P(Projecting, IsWaitedForBeforeItRunsForTheFirstTime) {
  const auto position = append("account-1", "Paid", 1);
  auto& all = projections();
  auto waited = std::async([&] { return all.wait_for("totals", position, soon()); });
  Totals totals;
  const auto running = value_of(projections().run(totals));
  value_of(waited.get());
}

TEST_P(Projecting, WaitsWhileAnotherInstanceWorks) {
  append("account-1", "Paid", 1);
  Totals totals;
  auto first = value_of(projections().run(totals));
  value_of(first->wait_for({1}, soon()));
  Totals same;
  const auto second = value_of(projections().run(same));
  const auto position = append("account-1", "Paid", 1);
  value_of(first->wait_for(position, soon()));
  while (second->phase() != ProjectionPhase::Waiting) std::this_thread::yield();
  // What the other one does is seen.
  value_of(second->wait_for(position, soon()));
  EXPECT_EQ(code_of(second->wait_for({position.value + 1}, std::chrono::steady_clock::now())),
            ErrorCode::DeadlineExceeded);
  // It takes over at once, and need not wait for the lease to run out.
  value_of(first->stop(soon()));
  const auto later = append("account-2", "Paid", 1);
  value_of(second->wait_for(later, soon()));
  expect_fold_of_all("totals");
}

// A cron job beside a process that works for good.
TEST_P(Projecting, OnceEndsBesideAnotherThatHasComeAsFar) {
  append("account-1", "Paid", 3);
  std::atomic<bool> is_in_apply = false;
  std::atomic<bool> may_go_on = false;
  const auto apply = [&](ProjectionContext&, const EventView& event) -> Result<void> {
    is_in_apply = true;
    while (event.position == GlobalPosition{3} && !may_go_on) std::this_thread::yield();
    return {};
  };
  Scripted working(apply);
  const auto running = value_of(projections().run(working));
  while (!is_in_apply) std::this_thread::yield();
  Scripted same(apply);
  const auto once = value_of(projections().run(same, {.once = true}));
  while (once->phase() != ProjectionPhase::Waiting) std::this_thread::yield();
  EXPECT_EQ(code_of(once->wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(10))),
            ErrorCode::DeadlineExceeded);
  may_go_on = true;
  value_of(once->wait(soon()));
  EXPECT_EQ(once->position(), GlobalPosition{3});
  EXPECT_EQ(running->phase(), ProjectionPhase::Working);
}

TEST_P(Projecting, OnceFailsWhereItIsPaused) {
  append("account-1", "Paid", 1);
  Totals totals;
  run_once(totals);
  EXPECT_TRUE(value_of(projections().pause("totals")));
  run_once(totals);  // there is nothing to do
  append("account-1", "Paid", 1);
  run_once_fails(totals, ErrorCode::InvalidArgument);
  EXPECT_TRUE(value_of(projections().resume("totals")));
  run_once(totals);
  expect_fold_of_all("totals");
}

TEST_P(Projecting, IsRefusedWithOtherTablesOrAnotherFilterOfTheSameVersion) {
  append("account-1", "Paid", 3);
  const auto apply = [](ProjectionContext&, const EventView&) { return Result<void>(); };
  Scripted first(apply);
  first.tables_ = {{.name = "notes", .columns = "n BIGINT"}};
  run_once(first);
  run_once(first);
  Scripted more_tables(apply);
  more_tables.tables_ = {{.name = "notes", .columns = "n BIGINT, m BIGINT"}};
  run_once_fails(more_tables, ErrorCode::UnsupportedFormat);
  Scripted other_filter(apply, {.types = {"Paid"}});
  other_filter.tables_ = first.tables_;
  run_once_fails(other_filter, ErrorCode::UnsupportedFormat);
  // What an earlier release has made says nothing of that.
  {
    const auto transaction = value_of(state().begin(soon()));
    value_of(transaction->run("UPDATE state_projection_generations SET definition = NULL"));
    value_of(transaction->commit());
  }
  run_once(other_filter);
  more_tables.version_ = 2;
  value_of(projections().rebuild(more_tables));
  run_once(more_tables);
  EXPECT_EQ(query("SELECT count(m) FROM notes").integer(0, 0), 0);
}

TEST_P(Projecting, DoesNotTakeTheTableOfAnother) {
  append("account-1", "Paid", 1);
  const auto apply = [](ProjectionContext&, const EventView&) { return Result<void>(); };
  Scripted first(apply);
  first.tables_ = {{.name = "notes", .columns = "n BIGINT"}};
  run_once(first);
  Scripted second(apply);
  second.name_ = "second";
  second.tables_ = first.tables_;
  const auto error = test::error_of(value_of(projections().run(second))->wait(soon()));
  EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
  EXPECT_NE(error.message.find("of the projection scripted: notes"), std::string::npos)
      << error.message;
  EXPECT_FALSE(value_of(projections().status("second")));
  // A rebuild may leave behind what it has replaced, which has no view any more.
  first.version_ = 2;
  first.tables_.clear();
  value_of(projections().rebuild(first));
  const auto transaction = value_of(state().begin(soon()));
  Scripted before(apply);
  before.tables_ = second.tables_;
  value_of(add_generation(*transaction,
                          new_generation(before, identity_of(store()), 1, GenerationStatus::Old)));
  value_of(transaction->commit());
  run_once(second);
  EXPECT_EQ(query("SELECT count(n) FROM notes").integer(0, 0), 0);
}

TEST_P(Projecting, RefusesTheStateOfAnotherStore) {
  append("account-1", "Paid", 1);
  Totals totals;
  run_once(totals);
  const auto transaction = value_of(state().begin(soon()));
  value_of(transaction->run("UPDATE state_projection_generations SET lineage_id = 'another'"));
  value_of(transaction->commit());
  run_once_fails(totals, ErrorCode::InvalidArgument);
  EXPECT_TRUE(value_of(projections().reset("totals")));
  run_once(totals);
}

TEST_P(Projecting, PausesAndGoesOn) {
  append("account-1", "Paid", 1);
  Totals totals;
  const auto running = value_of(projections().run(totals));
  value_of(running->wait_for({1}, soon()));
  EXPECT_TRUE(value_of(projections().pause("totals")));
  while (running->phase() != ProjectionPhase::Paused) std::this_thread::yield();
  const auto position = append("account-1", "Paid", 1);
  EXPECT_EQ(running->position(), GlobalPosition{1});
  EXPECT_EQ(value_of(projections().status("totals"))->state, ProjectionState::Paused);
  EXPECT_EQ(value_of(projections().status("totals"))->lag, 1U);
  EXPECT_TRUE(value_of(projections().resume("totals")));
  value_of(projections().wait_for("totals", position, soon()));
  EXPECT_EQ(value_of(projections().status("totals"))->state, ProjectionState::Running);
  EXPECT_FALSE(value_of(projections().pause("another")));
  EXPECT_FALSE(value_of(projections().resume("another")));
  EXPECT_EQ(code_of(projections().wait_for("another", {1}, std::chrono::steady_clock::now())),
            ErrorCode::NotFound);
}

TEST_P(Projecting, EndsWhereItIsReset) {
  append("account-1", "Paid", 1);
  PaymentRows rows;
  const auto running = value_of(projections().run(rows));
  value_of(running->wait_for({1}, soon()));
  EXPECT_TRUE(value_of(projections().reset("payment-rows")));
  append("account-1", "Paid", 1);
  EXPECT_EQ(code_of(running->wait(soon())), ErrorCode::Cancelled);
  EXPECT_FALSE(value_of(projections().status("payment-rows")));
  EXPECT_EQ(code_of(projections().document("payment-rows", "x")), ErrorCode::NotFound);
  EXPECT_FALSE(value_of(projections().reset("payment-rows")));
  run_once(rows);
  EXPECT_EQ(query("SELECT payments FROM payments").integer(0, 0), 2);
}

// The reader cannot know that no more come behind a full batch.
TEST_P(Projecting, CommitsAFullBatchWithoutWaitingForMore) {
  Totals totals;
  const ProjectionOptions patient{
      .workers = 2, .transaction_events_max = 4, .transaction_time_max = std::chrono::hours(1)};
  const auto running = value_of(projections().run(totals, patient));
  for (int round = 0; round < 5; ++round) {
    const auto position = append("account-" + std::to_string(round), "Paid", 4);
    value_of(running->wait_for(position, soon()));
  }
  value_of(running->stop(soon()));
}

TEST_P(Projecting, StopsBetweenEvents) {
  append("account-1", "Paid", 2'000);
  std::atomic<int> applied = 0;
  std::atomic<bool> may_go_on = false;
  Scripted slow([&](ProjectionContext&, const EventView&) -> Result<void> {
    ++applied;
    while (!may_go_on) std::this_thread::yield();
    return {};
  });
  const auto running = value_of(projections().run(slow));
  while (applied == 0) std::this_thread::yield();
  EXPECT_EQ(code_of(running->stop(std::chrono::steady_clock::now())), ErrorCode::DeadlineExceeded);
  may_go_on = true;
  value_of(running->wait(soon()));
  EXPECT_LT(applied, 2'000);
}

// Where the state database can be read beside one who writes to it.
class ProjectingBeside : public ProjectionTest {};
INSTANTIATE_TEST_SUITE_P(Engines, ProjectingBeside, testing::ValuesIn(test::persistent_engines()),
                         test::engine_name);

TEST_P(ProjectingBeside, CommitsInTimeWithinABatch) {
  append("account-1", "Paid", 50);
  std::uint64_t committed = 0;
  Scripted watching([&](ProjectionContext& context, const EventView&) -> Result<void> {
    committed = std::max(committed, value_of(projections().status("scripted"))->position.value);
    auto done = context.run("INSERT INTO {notes} (n) VALUES (1)");
    if (!done) return std::unexpected(done.error());
    return {};
  });
  watching.tables_ = {{.name = "notes", .columns = "n BIGINT"}};
  run_once(watching, {.transaction_time_max = std::chrono::milliseconds(0)});
  EXPECT_EQ(committed, 49U);
  EXPECT_EQ(query("SELECT count(*) FROM notes").integer(0, 0), 50);
}

// What the server has no room for is the event's fault, and not the server's.
TEST_P(ProjectingBeside, LeavesOutWhatTheDatabaseCannotHold) {
  append("account-1", "Paid", 3);
  Scripted large([&](ProjectionContext& context, const EventView& event) -> Result<void> {
    std::string name;
    SeededRandom random(event.position.value);
    const auto bytes = event.position.value == 2 ? 20'000 : 20;
    while (std::cmp_less(name.size(), bytes)) name += std::to_string(random.next());
    auto done = context.run("INSERT INTO {names} (name) VALUES ($1)", {name});
    if (!done) return std::unexpected(done.error());
    return {};
  });
  large.tables_ = {{.name = "names", .columns = "name TEXT PRIMARY KEY"}};
  run_once(large, {.attempts_max = 1, .on_failure = FailurePolicy::Skip});
  // SQLite's indexes hold any length, PostgreSQL's do not.
  const std::size_t left_out = GetParam().has_segments ? 0 : 1;
  EXPECT_EQ(query("SELECT count(*) FROM names").integer(0, 0), left_out == 0 ? 3 : 2);
  EXPECT_EQ(value_of(projections().failures("scripted", 10)).size(), left_out);
}

}  // namespace
}  // namespace eventstore::projection
