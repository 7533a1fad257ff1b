#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/builtin_projections.hpp"
#include "eventstore/projections.hpp"
#include "projection/projection_rows.hpp"
#include "support/engines.hpp"
#include "support/ledger_projection.hpp"

namespace eventstore::projection {

inline Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

using test::Documents;
using test::documents_of;
using test::Ledger;
using test::ledger_fold;
using test::ledger_state;
using test::PaymentRows;
using test::Totals;

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

// A store with its state database.
class ProjectionTest : public test::EngineTest {
 protected:
  ~ProjectionTest() override { close_all(); }

  StateDatabase& state() {
    if (state_ == nullptr) {
      store();
      state_ = test::value_of(open_state(url()));
    }
    return *state_;
  }
  Subscriptions& subscriptions() {
    if (subscriptions_ == nullptr) subscriptions_ = std::make_unique<Subscriptions>(store());
    return *subscriptions_;
  }
  Projections& projections() {
    if (projections_ == nullptr) {
      projections_ = std::make_unique<Projections>(subscriptions(), state());
    }
    return *projections_;
  }
  void close_all() {
    projections_.reset();
    subscriptions_.reset();
    state_.reset();
  }

  // The position of the last one.
  GlobalPosition append(const std::string& stream, const std::string& type, std::size_t count) {
    AppendRequest request;
    for (std::size_t n = 0; n < count; ++n) request.events.push_back(test::event_of(stream, type));
    return test::value_of(store().append(std::move(request))).last_position;
  }
  void run_once(Projection& projection, ProjectionOptions options = {}) {
    options.once = true;
    test::value_of(test::value_of(projections().run(projection, options))->wait(soon()));
  }
  void run_once_fails(Projection& projection, ErrorCode code, ProjectionOptions options = {}) {
    options.once = true;
    EXPECT_EQ(test::code_of(test::value_of(projections().run(projection, options))->wait(soon())),
              code);
  }
  std::string document(std::string_view projection, std::string_view key) {
    return test::value_of(projections().document(projection, key)).value_or("none");
  }
  Documents documents(std::string_view projection) {
    return documents_of(projections(), projection);
  }
  std::int64_t sum_of(std::string_view projection) {
    std::int64_t sum = 0;
    for (const auto& [key, total] : documents(projection)) sum += total["count"].get<int>();
    return sum;
  }
  void expect_fold_of_all(std::string_view projection) {
    EXPECT_EQ(documents(projection),
              ledger_fold(test::read_events(store()), {WorkerRow{.position = {UINT64_MAX}}}));
  }
  // That what is stored of the Ledger is what its checkpoints say.
  void expect_ledger_fits(const std::string& when) {
    const auto found = ledger_state(state());
    if (!found) return;
    const auto expected = ledger_fold(test::read_events(store()), found->workers);
    EXPECT_EQ(found->documents, expected) << when;
    EXPECT_EQ(found->rows, expected) << when;
  }
  void expect_ledger_is_at(GlobalPosition position) {
    const auto found = ledger_state(state());
    ASSERT_TRUE(found);
    for (const auto& worker : found->workers) EXPECT_EQ(worker.position, position);
  }
  SqlRows query(std::string_view sql) {
    return test::value_of(test::value_of(state().begin_read(soon()))->run(sql));
  }

 private:
  std::unique_ptr<StateDatabase> state_;
  std::unique_ptr<Subscriptions> subscriptions_;
  std::unique_ptr<Projections> projections_;
};

}  // namespace eventstore::projection
