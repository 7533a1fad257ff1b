#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/thread_annotations.hpp"
#include "eventstore/state.hpp"
#include "postgres/connection.hpp"
#include "postgres/url.hpp"

namespace eventstore::postgres {

// The state database of a store in PostgreSQL: tables in the store's own schema, which is all that
// a transaction sees by its names.
//
// Threads: safe from any thread.
class PostgresState final : public StateDatabase {
 public:
  static Result<std::unique_ptr<PostgresState>> open(const StoreUrl& url,
                                                     const StateOptions& options);

  Result<std::unique_ptr<StateTransaction>> begin(Deadline deadline) override;
  Result<std::unique_ptr<StateTransaction>> begin_read(Deadline deadline) override;

 private:
  class Transaction;

  PostgresState(const StoreUrl& url, bool read_only);
  Result<std::unique_ptr<StateTransaction>> start(std::string_view begin, Deadline deadline);
  Result<void> check_store(Deadline deadline);
  Answer<std::unique_ptr<Connection>> take(Deadline deadline) EXCLUDES(mutex_);
  void give_back(std::unique_ptr<Connection> connection) EXCLUDES(mutex_);

  const ConnectionSettings settings_;
  const std::string schema_;  // quoted
  const std::chrono::seconds patience_;
  const bool read_only_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mutex_);
};

}  // namespace eventstore::postgres
