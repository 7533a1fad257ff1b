#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "projection/faulty_projection_test_support.hpp"

// Rebuilds whose process dies, or whose database fails.
namespace eventstore::projection {
namespace {

using test::code_of;
using test::FaultedState;
using test::value_of;

class RebuildFaults : public FaultyProjectionTest {};

INSTANTIATE_TEST_SUITE_P(Engines, RebuildFaults, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(RebuildFaults, LeaveOneThatCanBeGoneOnWithWhereverTheProcessDies) {
  append_some();
  Ledger ledger;
  run_once(ledger, options());
  const auto head = value_of(store().head());
  const auto effects = ledger.effects();
  bool has_died = true;
  for (std::uint64_t call = 1; has_died; call += stride()) {
    for (const auto when : {FaultedState::When::Before, FaultedState::When::After}) {
      const auto faulted = dying(call, when);
      Projections dying_ones(subscriptions(), *faulted);
      const auto rebuilt = dying_ones.rebuild(ledger, {.run = options()});
      has_died = faulted->has_died();
      EXPECT_TRUE(rebuilt || has_died);
      const auto name = "call " + std::to_string(call);
      expect_ledger_fits(name);
      expect_ledger_is_at(head);
      // Another number of workers goes on with what the one before has left.
      auto other = options();
      other.workers = static_cast<std::uint32_t>(call % 3 + 1);
      rebuild_later(ledger, other);
      expect_ledger_fits(name + ", and on");
      expect_ledger_is_at(head);
      const auto status = value_of(projections().status("ledger"));
      EXPECT_EQ(status->workers, other.workers);
      EXPECT_FALSE(status->rebuild);
    }
  }
  // Nothing has effects outside again.
  EXPECT_EQ(ledger.effects(), effects);
}

TEST_P(RebuildFaults, ArePassedOverOnceItHasBegun) {
  append_some();
  Ledger ledger;
  run_once(ledger, options());
  const auto head = value_of(store().head());
  const auto live_generation = [&] {
    return value_of(find_projection(*value_of(state().begin_read(soon())), "ledger"))
        ->live_generation;
  };
  int lost_switches = 0;
  const auto fail_each_call = [&](FaultedState::When when) {
    for (std::uint64_t call = 1;; call += stride()) {
      FaultedState faulted(state(), ++hour_);
      faulted.die_at({.call = call, .when = when, .passes = true});
      Projections ones(subscriptions(), faulted);
      const auto before = live_generation();
      std::optional<std::int64_t> switched;
      bool has_begun = false;
      auto careful = options();
      careful.on_retry = [&](const Error& error) {
        EXPECT_TRUE(error.is_retryable());
        if (live_generation() != before) switched = live_generation();
      };
      const auto rebuilt =
          ones.rebuild(ledger, {.run = careful,
                                .restart = call % 2 == 0,
                                .on_progress = [&](const RebuildProgress&) { has_begun = true; }});
      const auto name = "call " + std::to_string(call);
      if (!rebuilt) {
        EXPECT_FALSE(has_begun) << name;
        rebuild_later(ledger, options());
      }
      expect_ledger_fits(name);
      expect_ledger_is_at(head);
      EXPECT_NE(live_generation(), before) << name;
      EXPECT_FALSE(value_of(projections().status("ledger"))->rebuild) << name;
      // It is not computed twice, where the answer to the switch was lost.
      if (switched) {
        ++lost_switches;
        EXPECT_EQ(live_generation(), *switched) << name;
      }
      if (!faulted.has_failed()) return;
    }
  };
  fail_each_call(FaultedState::When::Before);
  // How many calls there are is not always the same, so that the switch may be missed.
  for (int round = 0; round < 10 && lost_switches == 0; ++round) {
    fail_each_call(FaultedState::When::After);
    if (stride() > 1) return;
  }
  EXPECT_GT(lost_switches, 0);
}

TEST_P(RebuildFaults, LeaveTheLiveOneAlone) {
  append("a-1", "Paid", 2);
  Ledger ledger;
  run_once(ledger, options());
  append("b-1", "Poison", 1);
  run_once(ledger, options());
  auto stopping = options();
  stopping.on_failure = FailurePolicy::Stop;
  EXPECT_EQ(code_of(projections().rebuild(ledger, {.run = stopping})), ErrorCode::InvalidArgument);
  const auto status = value_of(projections().status("ledger"));
  EXPECT_FALSE(status->failure);
  EXPECT_TRUE(status->rebuild);
  const auto position = append("a-1", "Paid", 1);
  run_once(ledger, options());
  expect_ledger_is_at(position);
  value_of(projections().rebuild(ledger, {.run = options()}));
  expect_ledger_fits("after the rebuild");
}

// A rebuild that froze it finds out that it has come too late.
TEST_P(RebuildFaults, OfItsSwitchEndAfterAWhile) {
  append("a-1", "Paid", 1);
  Ledger ledger;
  run_once(ledger, options());
  const auto transaction = value_of(state().begin(soon()));
  value_of(set_frozen_until(*transaction, "ledger", transaction->now() - std::chrono::seconds(1)));
  value_of(transaction->commit());
  append("a-1", "Paid", 1);
  run_once(ledger, options());
  const auto row = find_projection(*value_of(state().begin_read(soon())), "ledger");
  EXPECT_EQ(value_of(row)->frozen_until, Timestamp{});
}

// What happens while it waits to try again.
TEST_P(RebuildFaults, DoNotKeepItFromBeingCancelledOrReset) {
  append_some();
  Ledger ledger;
  run_once(ledger, options());
  const auto fail_once = [&](const std::function<void()>& meanwhile,
                             const std::stop_token& cancellation) {
    FaultedState faulted(state(), ++hour_);
    bool is_armed = false;
    int retries = 0;
    auto careful = options();
    careful.on_retry = [&](const Error&) {
      ++retries;
      meanwhile();
    };
    Projections ones(subscriptions(), faulted);
    const auto rebuilt =
        ones.rebuild(ledger, {.run = careful,
                              .restart = true,
                              .on_progress =
                                  [&](const RebuildProgress&) {
                                    if (std::exchange(is_armed, true)) return;
                                    faulted.die_at({.call = faulted.calls() + 1,
                                                    .when = FaultedState::When::Before,
                                                    .passes = true});
                                  },
                              .cancellation = cancellation});
    EXPECT_EQ(retries, 1);
    return code_of(rebuilt);
  };
  std::stop_source stop;
  EXPECT_EQ(fail_once([&] { stop.request_stop(); }, stop.get_token()), ErrorCode::Cancelled);
  EXPECT_TRUE(value_of(projections().status("ledger"))->rebuild);
  EXPECT_EQ(fail_once([&] { EXPECT_TRUE(value_of(projections().reset("ledger"))); }, {}),
            ErrorCode::Cancelled);
  EXPECT_FALSE(value_of(projections().status("ledger")));
}

// Only who has the lease is to go on the moment it may.
TEST_P(RebuildFaults, FreezeOthersWithoutHaste) {
  append("a-1", "Paid", 1);
  Ledger ledger;
  FaultedState of_holder(state());
  FaultedState of_waiting(state());
  Projections holding(subscriptions(), of_holder);
  Projections waiting(subscriptions(), of_waiting);
  const auto holder = value_of(holding.run(ledger));
  value_of(holder->wait_for({1}, soon()));
  const auto other = value_of(waiting.run(ledger));
  const auto freeze = [&](std::chrono::seconds time) {
    const auto transaction = value_of(state().begin(soon()));
    value_of(set_frozen_until(*transaction, "ledger", transaction->now() + time));
    const auto row = value_of(find_projection(*transaction, "ledger"));
    value_of(set_fence(*transaction, row->live_generation, /*fence=*/-1));
    value_of(transaction->commit());
  };
  freeze(std::chrono::hours(1));
  const auto position = append("a-1", "Paid", 1);  // which cannot be committed now
  while (holder->phase() != ProjectionPhase::Waiting) std::this_thread::yield();
  const auto holder_before = of_holder.calls();
  const auto other_before = of_waiting.calls();
  while (of_holder.calls() < holder_before + 500) std::this_thread::yield();
  EXPECT_LT(of_waiting.calls() - other_before, 250U);
  freeze(std::chrono::seconds(0));
  value_of(holder->wait_for(position, soon()));
}

}  // namespace
}  // namespace eventstore::projection
