#pragma once

#include <condition_variable>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "core/thread_annotations.hpp"
#include "postgres/connection.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// Ends a session that holds the lock of the store and sends nothing any more, as where its process
// is stopped, or its machine behind a pooler. The server waits for the rest of a COPY, or of
// statements that are sent together, for as long as the connection is there: no timeout of its own
// ends that.
//
// It looks where a group of appends of this process takes long, and again after a while: whoever
// has sent nothing of a COPY in between, or for twice the store's patience nothing else, is ended,
// and nothing of it is stored. Should it go on after all, it does the same again.
//
// Ownership: borrows the settings.
// Threads:   safe from any thread; one group at a time.
class LockWatch {
 public:
  explicit LockWatch(const StoreSettings& settings);
  ~LockWatch() = default;
  LockWatch(const LockWatch&) = delete;
  LockWatch& operator=(const LockWatch&) = delete;

  // A group of appends is under way, until ended().
  void began() EXCLUDES(mutex_);
  void ended() EXCLUDES(mutex_);

 private:
  void run(const std::stop_token& stop) EXCLUDES(mutex_);
  void watch(const std::stop_token& stop) EXCLUDES(mutex_);
  std::optional<std::string> look(const std::optional<std::string>& before);

  const StoreSettings& settings_;
  std::unique_ptr<Connection> connection_;  // the thread's, while it looks
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Deadline> under_way_since_ GUARDED_BY(mutex_);
  bool is_at_rest_ GUARDED_BY(mutex_) = false;  // the thread, until the next group
  std::jthread thread_;
};

}  // namespace eventstore::postgres
