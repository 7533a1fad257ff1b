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

Result<void> nothing(ProjectionContext&, const EventView&) {
  return {};
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

TEST_P(Projecting, AnswersDocumentsAsWhatTheyAreKeptBy) {
  append("account-1", "Paid", 1);
  Scripted noting([](ProjectionContext& context, const EventView& event) -> Result<void> {
    if (auto put = context.put<nlohmann::json>(event.stream, {{"paid", 7}}); !put) return put;
    return context.put<std::string>("account-1, as text", "paid");
  });
  run_once(noting, {.workers = 1});
  const auto read = [&](std::string_view key) {
    return projections().document<nlohmann::json>("scripted", key);
  };
  EXPECT_EQ((*value_of(read("account-1")))["paid"], 7);
  EXPECT_EQ(value_of(read("account-2")), std::nullopt);
  EXPECT_EQ(code_of(read("account-1, as text")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(projections().document<nlohmann::json>("another", "x")), ErrorCode::NotFound);
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
      EXPECT_EQ(failures[0].state, FailureState::Skipped);
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

}  // namespace
}  // namespace eventstore::projection
