#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "projection/projection_test_support.hpp"

// Projections that are computed anew beside the running one.
namespace eventstore::projection {
namespace {

using test::code_of;
using test::value_of;

class ProjectingAnew : public ProjectionTest {};
INSTANTIATE_TEST_SUITE_P(Engines, ProjectingAnew, testing::ValuesIn(test::all_engines()),
                         test::engine_name);

TEST_P(ProjectingAnew, IsRebuiltBesideTheRunningOne) {
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

TEST_P(ProjectingAnew, AsksForARebuildByAnotherVersion) {
  append("account-1", "Paid", 3);
  Ledger old;
  const auto running = value_of(projections().run(old));
  value_of(running->wait_for({3}, soon()));
  Ledger next;
  next.set_version(2);
  // Also while the old one works.
  EXPECT_EQ(code_of(value_of(projections().run(next))->wait(soon())), ErrorCode::UnsupportedFormat);
  run_once_fails(next, ErrorCode::UnsupportedFormat);
  EXPECT_EQ(code_of(projections().rebuild(old, {.run = {.workers = 65}})),
            ErrorCode::InvalidArgument);
  value_of(projections().rebuild(next));
  EXPECT_EQ(value_of(projections().status("ledger"))->version, 2U);
  // The old one ends with the switch.
  EXPECT_EQ(code_of(running->wait(soon())), ErrorCode::UnsupportedFormat);
  const auto waiting = value_of(projections().run(next));
  const auto position = append("account-1", "Paid", 1);
  value_of(waiting->wait_for(position, soon()));
  expect_ledger_fits("after the switch");
  EXPECT_EQ(next.effects(), (std::map<std::uint64_t, int>{{4, 1}}));
  value_of(waiting->stop(soon()));
  run_once_fails(old, ErrorCode::UnsupportedFormat);
}

TEST_P(ProjectingAnew, IsResetDuringARebuild) {
  append("account-1", "Paid", 3);
  std::atomic<bool> is_rebuilding = false;
  std::atomic<bool> is_in_apply = false;
  std::atomic<bool> may_go_on = false;
  Scripted scripted([&](ProjectionContext&, const EventView&) -> Result<void> {
    if (!is_rebuilding) return {};
    is_in_apply = true;
    while (!may_go_on) std::this_thread::yield();
    return {};
  });
  run_once(scripted);
  is_rebuilding = true;
  auto& all = projections();
  auto rebuilt = std::async([&] { return all.rebuild(scripted); });
  while (!is_in_apply) std::this_thread::yield();
  EXPECT_TRUE(value_of(projections().reset("scripted")));
  may_go_on = true;
  const auto error = test::error_of(rebuilt.get());
  EXPECT_EQ(error.code, ErrorCode::Cancelled);
  EXPECT_NE(error.message.find("was reset"), std::string::npos) << error.message;
}

TEST_P(ProjectingAnew, OfANewVersionWaitsWhileARebuildMakesIt) {
  append("account-1", "Paid", 3);
  std::atomic<bool> is_in_apply = false;
  std::atomic<bool> may_go_on = false;
  Scripted old([](ProjectionContext&, const EventView&) { return Result<void>(); });
  const auto running = value_of(projections().run(old));
  value_of(running->wait_for({3}, soon()));
  Scripted next([&](ProjectionContext&, const EventView&) -> Result<void> {
    is_in_apply = true;
    while (!may_go_on) std::this_thread::yield();
    return {};
  });
  next.version_ = 2;
  auto& all = projections();
  auto rebuilt = std::async([&] { return all.rebuild(next); });
  while (!is_in_apply) std::this_thread::yield();
  const auto waiting = value_of(projections().run(next));
  while (waiting->phase() != ProjectionPhase::Waiting) std::this_thread::yield();
  may_go_on = true;
  value_of(rebuilt.get());
  EXPECT_EQ(code_of(running->wait(soon())), ErrorCode::UnsupportedFormat);
  const auto position = append("account-1", "Paid", 1);
  value_of(waiting->wait_for(position, soon()));
  while (waiting->phase() != ProjectionPhase::Working) std::this_thread::yield();
}

TEST_P(ProjectingAnew, IsRebuiltWhileEventsAreAppended) {
  Ledger ledger;
  append("account-1", "Paid", 20);
  const auto running = value_of(projections().run(ledger, {.workers = 2}));
  std::jthread appender([&](const std::stop_token& stop) {
    for (int n = 0; !stop.stop_requested(); ++n) {
      const auto position = append("account-" + std::to_string(n % 9), "Paid", 1);
      if (n % 500 == 0) value_of(running->wait_for(position, soon()));
    }
  });
  for (const std::uint32_t workers : {1U, 4U, 2U}) {
    value_of(projections().rebuild(ledger, {.run = {.workers = workers}}));
  }
  appender.request_stop();
  appender.join();
  const auto head = value_of(store().head());
  value_of(running->wait_for(head, soon()));
  expect_ledger_fits("after the rebuilds");
  expect_ledger_is_at(head);
  // No event is without its effects outside.
  const auto effects = ledger.effects();
  for (std::uint64_t position = 1; position <= head.value; ++position) {
    EXPECT_TRUE(effects.contains(position)) << position;
  }
}

// The live one is far behind, and as fast as the rebuild.
TEST_P(ProjectingAnew, IsRebuiltThoughItCannotBeCaughtUpWith) {
  constexpr std::size_t kEvents = 20'000;
  constexpr std::uint64_t kAhead = 1'500;
  std::atomic<std::uint64_t> live_may_reach = kAhead;
  Scripted scripted([&](ProjectionContext& context, const EventView& event) -> Result<void> {
    const auto position = event.position.value;
    if (context.has_side_effects()) {
      while (position > live_may_reach) std::this_thread::yield();
      return {};
    }
    // Slow enough that what is left takes a while.
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(250);
    while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
    live_may_reach = std::max(live_may_reach.load(), position + kAhead);
    return {};
  });
  append("account-1", "Paid", kEvents);
  const ProjectionOptions small{.transaction_events_max = 50};
  const auto running = value_of(projections().run(scripted, small));
  value_of(running->wait_for({kAhead - 100}, soon()));
  value_of(projections().rebuild(scripted, {.run = small}));
  EXPECT_LT(value_of(projections().status("scripted"))->position, GlobalPosition{kEvents});
  live_may_reach = kEvents;
  value_of(running->wait_for({kEvents}, soon()));
}

}  // namespace
}  // namespace eventstore::projection
