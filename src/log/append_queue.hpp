#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "core/thread_annotations.hpp"
#include "log/log_writer.hpp"

namespace eventstore::log {

struct AppendQueueOptions {
  std::uint32_t requests_max = 16384;
  std::uint64_t bytes_max = std::uint64_t{256} << 20;
  // A quiet writer puts a mark behind the last frame after this time.
  std::chrono::milliseconds idle_before_mark{200};
};

// Group commit. An append that finds nobody committing commits itself, in its own thread. Those
// that come meanwhile queue up, and the store's writer thread commits them together, group after
// group, until the queue is empty. Callbacks of asynchronous appends run in a thread of their own.
//
// Threads: safe from any thread.
class AppendQueue {
 public:
  using Commit = std::function<void(std::span<PendingAppend* const>)>;

  // `commit` fills in the results of a group; `idle` is called when the queue has been empty for a
  // while. They are never called concurrently.
  AppendQueue(Clock& clock, AppendQueueOptions options, Commit commit, std::function<void()> idle);
  ~AppendQueue();  // closes
  AppendQueue(const AppendQueue&) = delete;
  AppendQueue& operator=(const AppendQueue&) = delete;

  // Fails what is queued with Closed, waits for what is under way and for all callbacks. Nothing is
  // taken any more.
  void close();

  Result<AppendResult> append(PreparedAppend append);
  void append_async(PreparedAppend append, AppendCallback callback);

  // Hands a result to the callback thread without an append.
  void answer_async(AppendCallback callback, Result<AppendResult> result);

 private:
  struct Answer {
    AppendCallback callback;
    Result<AppendResult> result;
  };

  // Those that are called with the mutex held give it back while they commit or call idle_().
  Result<void> admit_locked(const PreparedAppend& append) REQUIRES(mutex_);
  void enqueue_locked(PendingAppend& pending) REQUIRES(mutex_);
  std::vector<PendingAppend*> take_group_locked() REQUIRES(mutex_);
  void wait_until_done(const PendingAppend& pending) EXCLUDES(mutex_);
  void lead_locked() REQUIRES(mutex_);
  void answer_group(std::span<PendingAppend* const> group, std::uint32_t epoch);
  void gather(std::size_t released) const;
  void rest_locked() REQUIRES(mutex_);
  void run_writer(const std::stop_token& stop);
  void run_callbacks(const std::stop_token& stop);

  Clock& clock_;
  const AppendQueueOptions options_;
  const Commit commit_;
  const std::function<void()> idle_;

  Mutex mutex_;
  std::deque<PendingAppend*> queue_ GUARDED_BY(mutex_);
  std::uint64_t queue_bytes_ GUARDED_BY(mutex_) = 0;
  bool leading_ GUARDED_BY(mutex_) = false;  // somebody commits
  bool closing_ GUARDED_BY(mutex_) = false;
  std::uint32_t epoch_ GUARDED_BY(mutex_) = 1;  // of the group that is forming
  bool active_ GUARDED_BY(mutex_) = false;      // a commit since the writer looked last
  bool rested_ GUARDED_BY(mutex_) = true;       // idle_() was called since the last commit
  std::condition_variable_any writer_wanted_;

  std::atomic<std::size_t> queued_ = 0;  // size of queue_, to be looked at without the lock
  // Members of group `epoch` wait until done_[epoch % 2] has reached it; released after their
  // results are there.
  std::array<std::atomic<std::uint32_t>, 2> done_{};

  Mutex answers_mutex_;
  std::condition_variable_any answers_wanted_;
  std::deque<Answer> answers_ GUARDED_BY(answers_mutex_);

  std::jthread callbacks_;
  std::jthread writer_;
};

}  // namespace eventstore::log
