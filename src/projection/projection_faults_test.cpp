#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/lease.hpp"
#include "projection/faulty_projection_test_support.hpp"
#include "support/faulted_state.hpp"

// Projections whose process dies or hangs. What is stored is at all times what a fold of the events
// up to the checkpoints makes, each once.
namespace eventstore::projection {
namespace {

using test::code_of;
using test::FaultedState;
using test::value_of;

class ProjectionFaults : public FaultyProjectionTest {};
INSTANTIATE_TEST_SUITE_P(Engines, ProjectionFaults, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(ProjectionFaults, LeaveWhatTheCheckpointsSayWhereverTheProcessDies) {
  append_some();
  const auto head = value_of(store().head());
  for (const auto when : {FaultedState::When::Before, FaultedState::When::After}) {
    for (std::uint64_t call = 1;; call += stride()) {
      const auto faulted = dying(call, when);
      Projections dying_ones(subscriptions(), *faulted);
      Ledger ledger;
      const auto running = value_of(dying_ones.run(ledger, once()));
      const auto ended = running->wait(soon());
      if (!faulted->has_died()) {
        value_of(ended);
        break;
      }
      const auto name = std::string(when == FaultedState::When::Before ? "before" : "after") +
                        " call " + std::to_string(call);
      expect_ledger_fits(name);
      run_later(ledger);
      expect_ledger_fits(name + ", and on");
      expect_ledger_is_at(head);
      EXPECT_TRUE(value_of(projections().reset("ledger")));
    }
    value_of(projections().reset("ledger"));
  }
}

TEST_P(ProjectionFaults, LeaveNothingToALateInstance) {
  append_some();
  for (std::uint64_t call = 2; call < 40; call += 3) {
    FaultedState hanging(state(), ++hour_);
    hanging.hang_at(call);
    Projections late(subscriptions(), hanging);
    Ledger ledger;
    const auto late_one = value_of(late.run(ledger, options()));
    ASSERT_TRUE(hanging.wait_until_it_hangs());
    // Another takes its place, and does everything.
    Ledger successor;
    run_later(successor);
    expect_ledger_is_at(value_of(store().head()));
    const auto after = ledger_state(state());
    hanging.let_go();
    const auto position = append("a-1", "Paid", 1);
    // It finds out, and becomes the one that works again, from where the other was.
    value_of(late_one->wait_for(position, soon()));
    value_of(late_one->stop(soon()));
    expect_ledger_fits("after call " + std::to_string(call));
    expect_ledger_is_at(position);
    value_of(projections().reset("ledger"));
  }
}

TEST_P(ProjectionFaults, ArePassedOverWhereTheDatabaseFailsOnce) {
  append_some();
  const auto head = value_of(store().head());
  for (const auto when : {FaultedState::When::Before, FaultedState::When::After}) {
    for (std::uint64_t call = 1;; call += stride()) {
      FaultedState faulted(state(), ++hour_);
      faulted.die_at({.call = call, .when = when, .passes = true});
      Projections ones(subscriptions(), faulted);
      Ledger ledger;
      std::vector<ErrorCode> retried;
      auto careful = once();
      careful.on_retry = [&](const Error& error) { retried.push_back(error.code); };
      value_of(value_of(ones.run(ledger, careful))->wait(soon()));
      expect_ledger_fits("call " + std::to_string(call));
      expect_ledger_is_at(head);
      EXPECT_TRUE(value_of(projections().reset("ledger")));
      if (!faulted.has_failed()) break;
      for (const auto code : retried) {
        EXPECT_TRUE(code == ErrorCode::Unavailable || code == ErrorCode::OutcomeUnknown);
      }
    }
  }
}

// Where the commit that took it fails, somebody else may take it.
TEST_P(ProjectionFaults, LeaveALeaseToWhoeverTookIt) {
  append_some();
  int taken = 0;
  for (std::uint64_t call = 1; call <= 20; ++call) {
    FaultedState faulted(state(), ++hour_);
    faulted.die_at({.call = call, .when = FaultedState::When::Before, .passes = true});
    Projections ones(subscriptions(), faulted);
    Ledger ledger;
    auto careful = options();
    std::optional<Lease> other;
    careful.on_retry = [&](const Error&) {
      const auto transaction = value_of(faulted.begin(soon()));
      auto answer = value_of(
          acquire_lease(*transaction, lease_name("ledger"), "another", std::chrono::hours(1)));
      if (!answer.acquired) return;
      value_of(transaction->commit());
      other = std::move(answer.lease);
    };
    const auto running = value_of(ones.run(ledger, careful));
    while (running->phase() != ProjectionPhase::Waiting &&
           running->position() < value_of(store().head())) {
      std::this_thread::yield();
    }
    if (running->phase() == ProjectionPhase::Waiting) {
      ++taken;
      ASSERT_TRUE(other);
      const auto transaction = value_of(faulted.begin(soon()));
      EXPECT_TRUE(value_of(release_lease(*transaction, *other))) << "call " << call;
      value_of(transaction->commit());
    }
    value_of(running->wait_for(value_of(store().head()), soon()));
    value_of(running->stop(soon()));
    expect_ledger_fits("call " + std::to_string(call));
    value_of(projections().reset("ledger"));
  }
  EXPECT_GT(taken, 2);
}

TEST_P(ProjectionFaults, AreNotWaitedForByAnotherHistory) {
  append("a-1", "Paid", 2);
  Ledger ledger;
  run_once(ledger);
  const auto change = [&](std::string_view sql) {
    const auto transaction = value_of(state().begin(soon()));
    value_of(transaction->run(sql));
    value_of(transaction->commit());
  };
  change("UPDATE state_projection_workers SET position = 900");
  EXPECT_EQ(code_of(projections().rebuild(ledger)), ErrorCode::InvalidArgument);
  run_once_fails(ledger, ErrorCode::InvalidArgument);
  change("UPDATE state_projection_workers SET position = 2");
  change("UPDATE state_projection_generations SET store_id = 'another'");
  EXPECT_EQ(code_of(projections().rebuild(ledger)), ErrorCode::InvalidArgument);
}

TEST_P(ProjectionFaults, AreNotedWithEventErrorAndAttempts) {
  append("a-1", "Paid", 1);
  append("b-1", "Flaky", 1);
  append("b-1", "Paid", 1);
  append("b-2", "Poison", 1);
  append("b-2", "Paid", 1);
  Ledger ledger;
  auto careful = options();
  careful.attempts_max = 4;
  careful.transaction_events_max = 100;
  run_once(ledger, careful);
  expect_ledger_fits("at the end");
  expect_ledger_is_at({5});
  const auto failures = value_of(projections().failures("ledger", 10));
  ASSERT_EQ(failures.size(), 2U);
  const auto& parked = failures[failures[0].state == FailureState::Parked ? 0 : 1];
  const auto& recovered = failures[failures[0].state == FailureState::Parked ? 1 : 0];
  EXPECT_EQ(parked.position, GlobalPosition{4});
  EXPECT_EQ(parked.stream, "b-2");
  EXPECT_EQ(parked.type, "Poison");
  EXPECT_EQ(parked.error, "poison");
  EXPECT_EQ(parked.attempts, 4U);
  EXPECT_EQ(recovered.state, FailureState::Recovered);
  EXPECT_EQ(recovered.position, GlobalPosition{2});
  EXPECT_EQ(recovered.attempts, 2U);
  EXPECT_EQ(value_of(projections().status("ledger"))->failures, 1U);
  std::uint64_t failed = 0;
  std::uint64_t retries = 0;
  for (const auto& hour : value_of(projections().failure_hours("ledger", 100))) {
    failed += hour.failed;
    retries += hour.retries;
  }
  EXPECT_EQ(failed, 2U);
  EXPECT_EQ(retries, 4U);
  const auto transaction = value_of(state().begin(soon()));
  value_of(transaction->run("UPDATE state_projection_failures SET state = 'strange'"));
  value_of(transaction->commit());
  EXPECT_EQ(code_of(projections().failures("ledger", 10)), ErrorCode::Corruption);
}

TEST_P(ProjectionFaults, StopItUntilItIsResumed) {
  append("a-1", "Paid", 2);
  append("b-1", "Flaky", 1);
  append("a-1", "Paid", 2);
  Ledger ledger;
  auto stopping = once();
  stopping.workers = 1;
  stopping.attempts_max = 1;
  stopping.on_failure = FailurePolicy::Stop;
  const auto first = value_of(projections().run(ledger, stopping));
  EXPECT_EQ(code_of(first->wait(soon())), ErrorCode::InvalidArgument);
  expect_ledger_fits("before the event");
  expect_ledger_is_at({2});
  const auto status = value_of(projections().status("ledger"));
  EXPECT_EQ(status->state, ProjectionState::Failed);
  EXPECT_NE(status->failure->find("event 3 (Flaky in b-1)"), std::string::npos);
  const auto again = value_of(projections().run(ledger, stopping));
  EXPECT_EQ(code_of(again->wait(soon())), ErrorCode::InvalidArgument);
  expect_ledger_is_at({2});
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_TRUE(value_of(projections().resume("ledger")));
    static_cast<void>(value_of(projections().run(ledger, stopping))->wait(soon()));
  }
  expect_ledger_fits("after it was resumed");
  expect_ledger_is_at({5});
}

}  // namespace
}  // namespace eventstore::projection
