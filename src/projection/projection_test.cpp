#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/seeded_random.hpp"
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

// Writes everything into one document.
class Everything : public Totals {
 public:
  std::string_view name() const override { return "everything"; }
  Result<void> apply(ProjectionContext& context, const EventView&) override {
    auto count = context.edit<std::string>("all");
    if (!count) return std::unexpected(std::move(count).error());
    **count += 'x';
    return {};
  }
};

// What it does is said from outside.
class Scripted : public Projection {
 public:
  using Apply = std::function<Result<void>(ProjectionContext&, const EventView&)>;

  explicit Scripted(Apply apply, SubscriptionFilter filter = {})
      : apply_(std::move(apply)), filter_(std::move(filter)) {}
  std::string_view name() const override { return name_; }
  std::uint32_t version() const override { return version_; }
  SubscriptionFilter filter() const override { return filter_; }
  std::vector<ProjectionTable> tables() const override { return tables_; }
  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    return apply_(context, event);
  }

  std::string name_ = "scripted";
  std::uint32_t version_ = 1;
  std::vector<ProjectionTable> tables_;

 private:
  Apply apply_;
  SubscriptionFilter filter_;
};

Result<void> nothing(ProjectionContext&, const EventView&) {
  return {};
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
  EXPECT_EQ(code_of(second->wait_for(position, std::chrono::steady_clock::now())),
            ErrorCode::DeadlineExceeded);
  // It takes over at once, and need not wait for the lease to run out.
  value_of(first->stop(soon()));
  const auto later = append("account-2", "Paid", 1);
  value_of(second->wait_for(later, soon()));
  expect_fold_of_all("totals");
}

TEST_P(Projecting, AsksForARebuildByAnotherVersion) {
  append("account-1", "Paid", 3);
  Ledger old;
  const auto running = value_of(projections().run(old));
  value_of(running->wait_for({3}, soon()));
  Ledger next;
  next.set_version(2);
  const auto waiting = value_of(projections().run(next));
  EXPECT_EQ(code_of(projections().rebuild(old, {.run = {.workers = 65}})),
            ErrorCode::InvalidArgument);
  value_of(projections().rebuild(next));
  EXPECT_EQ(value_of(projections().status("ledger"))->version, 2U);
  // The old one ends with the switch, and the new one takes over.
  EXPECT_EQ(code_of(running->wait(soon())), ErrorCode::UnsupportedFormat);
  const auto position = append("account-1", "Paid", 1);
  value_of(waiting->wait_for(position, soon()));
  expect_ledger_fits("after the switch");
  EXPECT_EQ(next.effects(), (std::map<std::uint64_t, int>{{4, 1}}));
  value_of(waiting->stop(soon()));
  run_once_fails(old, ErrorCode::UnsupportedFormat);
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

TEST_P(Projecting, RefusesADocumentOfTwoPartitions) {
  for (int stream = 0; stream < 8; ++stream) append("a-" + std::to_string(stream), "Paid", 1);
  Everything everything;
  run_once(everything, {.workers = 1});
  EXPECT_EQ(document("everything", "all"), "xxxxxxxx");
  EXPECT_TRUE(value_of(projections().reset("everything")));
  run_once_fails(everything, ErrorCode::InvalidArgument,
                 {.workers = 4, .attempts_max = 1, .on_failure = FailurePolicy::Stop});
  EXPECT_NE(value_of(projections().status("everything"))->failure->find("partition"),
            std::string::npos);
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
  EXPECT_EQ(value_of(projections().status("totals"))->state, "paused");
  EXPECT_EQ(value_of(projections().status("totals"))->lag, 1U);
  EXPECT_TRUE(value_of(projections().resume("totals")));
  value_of(projections().wait_for("totals", position, soon()));
  EXPECT_EQ(value_of(projections().status("totals"))->state, "running");
  EXPECT_FALSE(value_of(projections().pause("another")));
  EXPECT_FALSE(value_of(projections().resume("another")));
  EXPECT_EQ(code_of(projections().wait_for("another", {1}, soon())), ErrorCode::NotFound);
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

TEST_P(Projecting, KeepsLittleInMemoryWhereAskedTo) {
  for (int round = 0; round < 3; ++round) {
    for (int stream = 0; stream < 20; ++stream) {
      append("account-" + std::to_string(stream), "Paid", 2);
    }
  }
  Totals totals;
  run_once(totals, {.workers = 2, .transaction_events_max = 7, .cache_bytes_max = 1});
  expect_fold_of_all("totals");
}

TEST_P(Projecting, MovesThroughWhatItsFilterLeavesOut) {
  append("account-1", "Paid", 2);
  const auto head = append("other-1", "Paid", 5);
  Scripted counting(
      [](ProjectionContext& context, const EventView& event) -> Result<void> {
        return context.put<std::string>(event.stream, std::to_string(event.version.value));
      },
      {.selector = SelectCategory{"account"}});
  run_once(counting);
  EXPECT_EQ(value_of(projections().status("scripted"))->position, head);
  EXPECT_EQ(value_of(projections().documents("scripted", "", 10)).size(), 1U);
  EXPECT_EQ(document("scripted", "account-1"), "2");
}

TEST_P(Projecting, ErasesDocuments) {
  append("account-1", "Opened", 1);
  append("account-2", "Opened", 1);
  append("account-1", "Closed", 1);
  Scripted open_accounts([](ProjectionContext& context, const EventView& event) -> Result<void> {
    if (event.type == "Closed") return context.erase(event.stream);
    auto there = context.get<std::string>(event.stream);
    if (!there) return std::unexpected(there.error());
    return context.put<std::string>(event.stream, *there == nullptr ? "open" : "open again");
  });
  run_once(open_accounts);
  EXPECT_EQ(document("scripted", "account-1"), "none");
  EXPECT_EQ(document("scripted", "account-2"), "open");
  append("account-1", "Opened", 1);
  append("account-2", "Opened", 1);
  run_once(open_accounts);
  EXPECT_EQ(document("scripted", "account-1"), "open");
  EXPECT_EQ(document("scripted", "account-2"), "open again");
}

TEST_P(Projecting, UndoesAllOfAnEventThatFails) {
  append("a-1", "Paid", 2);
  append("a-1", "Bad", 1);
  append("a-1", "Paid", 1);
  for (const std::string_view how : {"throw", "sql", "swallowed", "key", "codec"}) {
    Scripted careless([&](ProjectionContext& context, const EventView& event) -> Result<void> {
      auto done = context.edit<std::string>(event.stream);
      if (!done) return std::unexpected(done.error());
      **done += std::to_string(event.position.value);
      if (event.type != "Bad") return {};
      if (how == "throw") throw std::runtime_error("thrown");
      if (how == "key") return context.put<std::string>("", "x");
      if (how == "codec") return context.put<std::string>("a-9", "\xff");
      auto rows = context.run("SELECT nonsense FROM {notes}");
      if (!rows && how == "sql") return std::unexpected(rows.error());
      return {};
    });
    careless.tables_ = {{.name = "notes", .columns = "n BIGINT"}};
    run_once(careless, {.attempts_max = 2,
                        .pause_min = std::chrono::milliseconds(0),
                        .pause_max = std::chrono::milliseconds(0),
                        .on_failure = FailurePolicy::Skip});
    // SQLite takes any bytes for text.
    if (how != "codec" || !GetParam().has_segments) {
      EXPECT_EQ(document("scripted", "a-1"), "124") << how;
      const auto failures = value_of(projections().failures("scripted", 10));
      ASSERT_EQ(failures.size(), 1U) << how;
      EXPECT_EQ(failures[0].position, GlobalPosition{3});
      EXPECT_EQ(failures[0].state, "skipped");
    }
    value_of(projections().reset("scripted"));
  }
}

TEST_P(Projecting, RefusesWhatCannotBe) {
  const auto refused = [&](const auto& change, const ProjectionOptions& options = {}) {
    Scripted projection(nothing);
    change(projection);
    return code_of(projections().run(projection, options)) == ErrorCode::InvalidArgument;
  };
  const auto none = [](Scripted&) {};
  for (const auto* const name : {"", "A", "1a", "a b", "a_b"}) {
    EXPECT_TRUE(refused([&](Scripted& projection) { projection.name_ = name; })) << name;
  }
  for (const auto* const name : {"", "A", "state_x", "projection_x", "a-b", "documents"}) {
    EXPECT_TRUE(refused([&](Scripted& projection) { projection.tables_ = {{name, "n BIGINT"}}; }))
        << name;
  }
  EXPECT_TRUE(refused([](Scripted& projection) { projection.version_ = 0; }));
  EXPECT_TRUE(refused(none, {.workers = 0}));
  EXPECT_TRUE(refused(none, {.transaction_events_max = 0}));
  EXPECT_TRUE(refused(none, {.attempts_max = 0}));
  EXPECT_TRUE(refused(none, {.lease = std::chrono::milliseconds(99)}));
  Scripted bad_filter(nothing, {.type_pattern = "("});
  EXPECT_EQ(code_of(projections().run(bad_filter)), ErrorCode::InvalidArgument);
  // A name that something else has: what it is made with is said when the tables are made.
  Scripted twice(nothing);
  twice.tables_ = {{.name = "notes", .columns = "nonsense nonsense nonsense("}};
  run_once_fails(twice, ErrorCode::InvalidArgument);
}

TEST_P(Projecting, IsRebuiltWhileEventsAreAppended) {
  Ledger ledger;
  append("account-1", "Paid", 20);
  const auto running = value_of(projections().run(ledger, {.workers = 2}));
  std::jthread appender([&](const std::stop_token& stop) {
    for (int n = 0; !stop.stop_requested(); ++n)
      append("account-" + std::to_string(n % 9), "Paid", 1);
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

TEST_P(Projecting, ReadsWhatIsStoredPageByPage) {
  AppendRequest request;
  for (int stream = 0; stream < 2'500; ++stream) {
    request.events.push_back(test::event_of("account-" + std::to_string(stream), "Paid"));
  }
  value_of(store().append(std::move(request)));
  Totals totals;
  run_once(totals, {.workers = 2});
  for (int stream = 0; stream < 2'500; stream += 100) {
    append("account-" + std::to_string(stream), "Paid", 1);
  }
  append("new", "Paid", 1);
  run_once(totals, {.workers = 2});
  expect_fold_of_all("totals");
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

TEST_P(Projecting, GivesNoTablesNameTwice) {
  append("account-1", "Paid", 1);
  PaymentRows rows;
  run_once(rows);
  const auto first = query("SELECT max(id) FROM state_projection_generations").integer(0, 0);
  EXPECT_TRUE(value_of(projections().reset("payment-rows")));
  Totals totals;
  run_once(totals);
  EXPECT_GT(query("SELECT max(id) FROM state_projection_generations").integer(0, 0), first);
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
