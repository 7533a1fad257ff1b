#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/builtin_projections.hpp"
#include "eventstore/json_document.hpp"
#include "eventstore/projections.hpp"
#include "support/engines.hpp"

namespace eventstore::projection {

inline Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

// Of each stream how many events there were, and the sum of their positions, which tells which.
class Totals : public Projection {
 public:
  std::string_view name() const override { return "totals"; }

  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    auto total = context.edit<nlohmann::json>(event.stream);
    if (!total) return std::unexpected(std::move(total).error());
    auto& document = **total;
    if (document.is_null()) document = nlohmann::json::object();
    document["count"] = document.value("count", 0) + 1;
    document["positions"] = document.value("positions", std::uint64_t{0}) + event.position.value;
    return {};
  }
};

// The same in a table of its own.
class PaymentRows : public Projection {
 public:
  std::string_view name() const override { return "payment-rows"; }
  std::vector<ProjectionTable> tables() const override {
    return {{.name = "payments",
             .columns = "stream TEXT PRIMARY KEY, payments BIGINT NOT NULL, positions BIGINT NOT"
                        " NULL",
             .indexes = {"payments"}}};
  }

  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    const auto done = context.run(
        "INSERT INTO {payments} (stream, payments, positions) VALUES ($1, 1, $2)"
        " ON CONFLICT (stream) DO UPDATE SET payments = {payments}.payments + 1,"
        " positions = {payments}.positions + excluded.positions",
        {event.stream, static_cast<std::int64_t>(event.position.value)});
    if (!done) return std::unexpected(done.error());
    return {};
  }
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
  std::string document(std::string_view projection, std::string_view key) {
    return test::value_of(projections().document(projection, key)).value_or("none");
  }
  std::map<std::string, nlohmann::json> documents(std::string_view projection) {
    std::map<std::string, nlohmann::json> all;
    for (const auto& found : test::value_of(projections().documents(projection, "", 1'000'000))) {
      all[found.key] = nlohmann::json::parse(found.text);
    }
    return all;
  }
  std::int64_t sum_of(std::string_view projection) {
    std::int64_t sum = 0;
    for (const auto& [key, total] : documents(projection)) sum += total["count"].get<int>();
    return sum;
  }
  // What Totals makes of the events up to `position`.
  std::map<std::string, nlohmann::json> fold(GlobalPosition position = {UINT64_MAX}) {
    std::map<std::string, std::pair<int, std::uint64_t>> totals;
    for (const auto& event : test::read_events(store())) {
      if (event.position > position) break;
      auto& total = totals[event.stream];
      ++total.first;
      total.second += event.position.value;
    }
    std::map<std::string, nlohmann::json> all;
    for (const auto& [stream, total] : totals) {
      all[stream] = {{"count", total.first}, {"positions", total.second}};
    }
    return all;
  }
  void expect_fold_of_all(std::string_view projection) {
    EXPECT_EQ(documents(projection), fold());
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
