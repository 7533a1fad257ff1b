#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/state.hpp"
#include "state/sqlite_connection.hpp"

namespace eventstore::state {

// The state database in SQLite. One transaction of a process writes at a time, those of other
// processes wait for SQLite's own lock; readers wait for nobody.
//
// Threads: safe from any thread.
class SqliteState final : public StateDatabase {
 public:
  // `path` may be ":memory:": then all transactions, those that read too, are one at a time.
  static Result<std::unique_ptr<SqliteState>> open(const std::string& path, Clock& clock,
                                                   bool read_only);

  Result<std::unique_ptr<StateTransaction>> begin(Deadline deadline) override;
  Result<std::unique_ptr<StateTransaction>> begin_read(Deadline deadline) override;

 private:
  class Transaction;
  using Connections = std::vector<std::unique_ptr<SqliteConnection>>;

  SqliteState(std::string path, Clock& clock, bool read_only);
  Result<std::unique_ptr<StateTransaction>> start(bool writes, Deadline deadline);
  Result<std::unique_ptr<SqliteConnection>> take(bool writes, Deadline deadline) EXCLUDES(mutex_);
  void give_back(std::unique_ptr<SqliteConnection> connection, bool writes) EXCLUDES(mutex_);
  bool is_in_memory() const { return path_ == ":memory:"; }

  const std::string path_;
  Clock& clock_;
  const bool read_only_;
  Mutex mutex_;
  std::condition_variable_any freed_;
  bool is_writing_ GUARDED_BY(mutex_) = false;
  // Who waits to write, in the order they came.
  std::deque<std::uint64_t> waiting_ GUARDED_BY(mutex_);
  std::uint64_t next_ticket_ GUARDED_BY(mutex_) = 0;
  std::unique_ptr<SqliteConnection> writer_ GUARDED_BY(mutex_);  // while nobody writes
  Connections readers_ GUARDED_BY(mutex_);                       // that are idle
};

}  // namespace eventstore::state
