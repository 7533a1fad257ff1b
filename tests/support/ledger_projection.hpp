#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/key_bucket.hpp"
#include "eventstore/json_document.hpp"
#include "eventstore/projections.hpp"
#include "projection/projection_rows.hpp"
#include "support/store_access.hpp"

// Projections whose state tells which events had effects, and how often.
namespace eventstore::test {

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
  static constexpr const char* kColumns =
      "stream TEXT PRIMARY KEY, payments BIGINT NOT NULL, positions BIGINT NOT NULL";

  std::string_view name() const override { return "payment-rows"; }
  std::vector<ProjectionTable> tables() const override {
    return {{.name = "payments", .columns = kColumns, .indexes = {"payments"}}};
  }

  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    const auto done = context.run(
        "INSERT INTO {payments} (stream, payments, positions) VALUES ($1, 1, $2)"
        " ON CONFLICT (stream) DO UPDATE SET payments = {payments}.payments + 1,"
        " positions = {payments}.positions + excluded.positions",
        {event.stream, sql_number(event.position)});
    if (!done) return std::unexpected(done.error());
    return {};
  }
};

// Both, in documents and in a table, so that what belongs together can be compared. Events of the
// type Poison always fail, halfway; those of the type Flaky the first two times.
class Ledger : public Projection {
 public:
  std::string_view name() const override { return "ledger"; }
  std::uint32_t version() const override { return version_; }
  std::vector<ProjectionTable> tables() const override {
    return {{.name = "payments", .columns = PaymentRows::kColumns}};
  }

  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    if (auto done = totals_.apply(context, event); !done) return done;
    if (event.type == "Poison") return failed("poison");
    if (event.type == "Flaky" && attempts_on(event.position) < 3) return failed("not yet");
    if (auto done = rows_.apply(context, event); !done) return done;
    if (context.has_side_effects()) {
      const std::scoped_lock lock(mutex_);
      ++effects_[event.position.value];
    }
    return {};
  }

  void set_version(std::uint32_t version) { version_ = version; }
  // How often each event had effects outside of the state database.
  std::map<std::uint64_t, int> effects() const {
    const std::scoped_lock lock(mutex_);
    return effects_;
  }

 private:
  static Result<void> failed(const char* why) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument, .message = why});
  }
  int attempts_on(GlobalPosition position) {
    const std::scoped_lock lock(mutex_);
    return ++attempts_[position.value];
  }

  std::uint32_t version_ = 1;
  Totals totals_;
  PaymentRows rows_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, int> attempts_;
  std::map<std::uint64_t, int> effects_;
};

using Documents = std::map<std::string, nlohmann::json>;

inline Documents documents_of(Projections& projections, std::string_view name) {
  Documents all;
  for (const auto& found : value_of(projections.documents(name, "", 1'000'000))) {
    all[found.key] = nlohmann::json::parse(found.text);
  }
  return all;
}

// What is stored of the Ledger.
struct LedgerState {
  std::vector<projection::WorkerRow> workers;
  Documents documents;
  Documents rows;
};

// As of one moment. Absent: it has never run.
inline std::optional<LedgerState> ledger_state(StateDatabase& state) {
  const auto open = value_of(state.begin_read(Deadline::max()));
  const auto row = value_of(projection::find_projection(*open, "ledger"));
  if (!row || row->live_generation == 0) return std::nullopt;
  LedgerState found;
  found.workers = value_of(projection::list_workers(*open, row->live_generation));
  const auto documents = value_of(open->run("SELECT key, document FROM projection_ledger", {}));
  for (std::size_t at = 0; at < documents.size(); ++at) {
    found.documents[std::string(documents.text(at, 0))] =
        nlohmann::json::parse(documents.text(at, 1));
  }
  const auto rows = value_of(open->run("SELECT stream, payments, positions FROM payments", {}));
  for (std::size_t at = 0; at < rows.size(); ++at) {
    found.rows[std::string(rows.text(at, 0))] = {{"count", rows.integer(at, 1)},
                                                 {"positions", rows.integer(at, 2)}};
  }
  return found;
}

// What each worker makes of the events up to where it is: a fold, each event once.
inline Documents ledger_fold(const std::vector<RecordedEvent>& events,
                             const std::vector<projection::WorkerRow>& workers) {
  std::map<std::string, std::pair<int, std::uint64_t>> totals;
  for (const auto& event : events) {
    const auto worker = bucket_of(event.stream) % workers.size();
    if (event.type == "Poison" || event.position > workers[worker].position) continue;
    auto& total = totals[event.stream];
    ++total.first;
    total.second += event.position.value;
  }
  Documents all;
  for (const auto& [stream, total] : totals) {
    all[stream] = {{"count", total.first}, {"positions", total.second}};
  }
  return all;
}

}  // namespace eventstore::test
