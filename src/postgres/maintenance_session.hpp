#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "eventstore/postgres.hpp"
#include "eventstore/result.hpp"
#include "postgres/connection.hpp"
#include "postgres/sql_builder.hpp"
#include "postgres/store_settings.hpp"
#include "postgres/url.hpp"

namespace eventstore::postgres {

// A connection of its own for looking after the tables of one schema. Failures of the server are
// errors here: all of them end what is being done.
//
// Threads: one at a time.
class MaintenanceSession {
 public:
  // Fails with Unavailable, or Unsupported where the server is too old.
  static Result<MaintenanceSession> open(const StoreUrl& url);

  // Fails with NotFound where the schema has no store, and UnsupportedFormat where it has one of
  // another version.
  Result<void> check_schema();

  // `text` is filled in with the schema and the suffix.
  Result<Rows> run(const char* text, const Parameters& parameters = {},
                   std::string_view suffix = {});
  Result<void> run_script(std::string_view text, std::string_view suffix = {});

  // Runs `work` as one transaction, which waits for no lock longer than five seconds.
  template <typename Work>
  Result<void> in_transaction(const Work& work) {
    if (auto begun = run_script("BEGIN; SET LOCAL lock_timeout = '5s'"); !begun) return begun;
    Result<void> done = work();
    if (done) return run_script("COMMIT");
    if (!connection_->is_lost()) static_cast<void>(run_script("ROLLBACK"));
    return done;
  }

  Connection& connection() { return *connection_; }
  const std::string& schema() const { return settings_.schema; }  // quoted
  const StoreSettings& settings() const { return settings_; }
  // Looking after tables takes as long as it takes.
  static Deadline deadline() { return Deadline::max(); }

 private:
  explicit MaintenanceSession(StoreSettings settings) : settings_(std::move(settings)) {}

  StoreSettings settings_;
  std::unique_ptr<Connection> connection_;
};

// As PostgresMaintenance::migrate().
Result<PostgresMigration> migrate_store(MaintenanceSession& session);

}  // namespace eventstore::postgres
