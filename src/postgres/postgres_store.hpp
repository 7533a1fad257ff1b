#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/append_queue.hpp"
#include "eventstore/event_store.hpp"
#include "eventstore/open.hpp"
#include "postgres/appender.hpp"
#include "postgres/connection_pool.hpp"
#include "postgres/history.hpp"
#include "postgres/known_streams.hpp"
#include "postgres/lock_watch.hpp"
#include "postgres/months.hpp"
#include "postgres/months_ahead.hpp"
#include "postgres/store_settings.hpp"
#include "postgres/url.hpp"
#include "postgres/wake_up.hpp"

namespace eventstore::postgres {

// What a test replaces.
struct PostgresStoreTuning {
  std::function<Timestamp()> server_time = {};             // StoreSettings::server_time
  std::optional<std::chrono::milliseconds> patience = {};  // in place of the URL's
  // StoreSettings has what these are otherwise.
  std::optional<std::chrono::milliseconds> silence_max = {};
  std::optional<std::int32_t> notification_queue_percent_most = {};
};

// The PostgreSQL engine: a store in one schema of a database. docs/formats/postgresql.md has the
// tables, docs/decisions/ why they are so.
//
// Ownership: cursors must not outlive it.
// Threads:   safe from any thread.
class PostgresStore final : public EventStore {
 public:
  static Result<std::unique_ptr<PostgresStore>> open(const StoreUrl& url,
                                                     const OpenOptions& options,
                                                     const PostgresStoreTuning& tuning = {});
  ~PostgresStore() override;
  PostgresStore(const PostgresStore&) = delete;
  PostgresStore& operator=(const PostgresStore&) = delete;

  Result<AppendResult> append(AppendRequest request) override;
  void append_async(AppendRequest request, AppendCallback callback) override;
  Result<std::unique_ptr<Cursor>> read(ReadRequest request) override;
  Result<GlobalPosition> head() override;
  Result<GlobalPosition> wait_past(GlobalPosition position, Deadline deadline,
                                   std::stop_token cancellation) override;
  Result<std::optional<StreamInfo>> stream_info(std::string_view stream) override;
  Result<std::vector<StreamInfo>> list_streams(const ListStreamsRequest& request) override;
  Result<std::vector<std::optional<EventLocation>>> find(std::string_view stream,
                                                         std::span<const Uuid> ids) override;
  Result<ScavengeReport> scavenge(const ScavengeOptions& options) override;
  Capabilities capabilities() const override;
  Result<StoreStats> stats() override;
  Health health() override;
  Result<VerifyReport> verify() override;

 private:
  explicit PostgresStore(StoreSettings settings);

  Result<void> start(const OpenOptions& options);
  Answer<std::unique_ptr<Connection>> connect();
  Result<void> check_server(Connection& connection);
  Result<void> check_schema(Connection& connection, const OpenOptions& options);
  Result<PreparedAppend> prepare(AppendRequest request);

  Deadline patience() const {
    return settings_.environment.clock->monotonic_now() + settings_.patience;
  }
  // What `ask(connection, deadline)` finds out, where the store is open.
  template <typename Ask>
  auto ask(const Ask& ask, Deadline deadline)
      -> Result<typename decltype(ask(std::declval<Connection&>(), Deadline{}))::value_type>;

  std::stop_source closing_;
  StoreSettings settings_;
  KnownMonths months_;
  KnownStreams streams_;
  History history_;
  ConnectionPool pool_;
  Uuid store_id_;
  Uuid lineage_id_;
  std::unique_ptr<WakeUp> wake_up_;
  std::unique_ptr<MonthsAhead> months_ahead_;  // these are null where the store is read-only
  std::unique_ptr<LockWatch> lock_watch_;
  std::unique_ptr<Appender> appender_;
  std::unique_ptr<AppendQueue<PreparedAppend>> queue_;
  std::atomic<bool> scavenging_ = false;
};

}  // namespace eventstore::postgres
