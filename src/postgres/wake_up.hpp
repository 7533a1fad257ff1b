#pragma once

#include <chrono>
#include <condition_variable>
#include <stop_token>
#include <thread>

#include "core/thread_annotations.hpp"
#include "eventstore/position.hpp"
#include "eventstore/result.hpp"
#include "postgres/connection_pool.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// Tells who waits for events that there are more: of this process at once, of others by LISTEN and
// NOTIFY, and by looking now and then, so that a notification that is lost costs time and no event.
//
// Notifications carry the head alone, come behind the commit and from a connection of their own, at
// most one every two milliseconds: inside of the transaction NOTIFY has all commits of the server
// wait for each other.
//
// Threads: safe from any thread.
class WakeUp {
 public:
  using AskHead = std::function<Result<GlobalPosition>()>;

  WakeUp(const StoreSettings& settings, AskHead ask_head);
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  // This process has committed up to `head`.
  void committed(GlobalPosition head);

  // Waits until the head is greater than `position`; see EventStore::wait_past().
  Result<GlobalPosition> wait_past(GlobalPosition position, Deadline deadline,
                                   const std::stop_token& cancellation);

 private:
  void saw(GlobalPosition head) EXCLUDES(mutex_);
  bool is_news(GlobalPosition head) EXCLUDES(mutex_);
  void listen(const std::stop_token& stop);
  bool listen_once(const std::stop_token& stop);
  void notify(const std::stop_token& stop);
  bool tell(Connection& connection, GlobalPosition head, Deadline deadline) const;
  void look_at_queue(Connection& connection, Deadline deadline);

  const StoreSettings& settings_;
  const AskHead ask_head_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  GlobalPosition head_ GUARDED_BY(mutex_) = {};       // the greatest that was seen
  GlobalPosition committed_ GUARDED_BY(mutex_) = {};  // by this process
  GlobalPosition notified_ GUARDED_BY(mutex_) = {};
  int wake_fd_ = -1;  // readable when the listening thread is to end
  // The notifying thread's.
  std::chrono::steady_clock::time_point next_look_at_queue_ = {};
  bool queue_is_full_ = false;
  std::jthread notifying_;
  std::jthread listening_;  // started when somebody waits for the first time
};

}  // namespace eventstore::postgres
