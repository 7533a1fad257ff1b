#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/callback_thread.hpp"
#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/append.hpp"
#include "eventstore/result.hpp"

namespace eventstore {

// What an engine makes of an AppendRequest before it queues up.
template <typename T>
concept QueueableAppend = std::move_constructible<T> && requires(const T& append) {
  { append.size() } -> std::convertible_to<std::uint64_t>;  // in bytes, for the queue's bounds
  { append.context() } -> std::same_as<const RequestContext&>;
};

// An append on its way through an engine's writer.
template <QueueableAppend Append>
struct PendingAppend {
  Append append;
  Result<AppendResult> result = AppendResult{};
  AppendCallback callback = {};  // of asynchronous ones
  // The group that it is going to be committed with; the queue's.
  std::atomic<std::uint32_t> epoch = 0;
};

struct AppendQueueOptions {
  // Appends that wait beyond either bound answer Overloaded.
  std::uint32_t requests_max = 16384;
  std::uint64_t bytes_max = std::uint64_t{256} << 20;
  // A group takes what is queued up to these bounds, and at least one append.
  std::uint64_t group_bytes_max = std::uint64_t{16} << 20;
  std::size_t group_appends_max = std::numeric_limits<std::size_t>::max();
  // How long the writer waits for the threads it has just released to come back with their next
  // append: far less than a commit takes, and groups are fuller for it. 0: not at all.
  std::chrono::microseconds gather_time{100};
  // The writer, when quiet for this time, has the engine do what it does at rest.
  std::chrono::milliseconds idle_after{200};
};

// Group commit. An append that finds nobody committing commits itself, in its own thread. Those
// that come meanwhile queue up, and the store's writer thread commits them together, group after
// group, until the queue is empty. Callbacks of asynchronous appends run in a thread of their own.
//
// Threads: safe from any thread.
template <QueueableAppend Append>
class AppendQueue {
 public:
  using Pending = PendingAppend<Append>;
  using Commit = std::function<void(std::span<Pending* const>)>;

  // `commit` fills in the results of a group; `idle` is called when the queue has been empty for a
  // while. They are never called concurrently.
  AppendQueue(Clock& clock, AppendQueueOptions options, Commit commit, std::function<void()> idle);
  ~AppendQueue() { close(); }
  AppendQueue(const AppendQueue&) = delete;
  AppendQueue& operator=(const AppendQueue&) = delete;

  // Fails what is queued with Closed, waits for what is under way and for all callbacks. Nothing is
  // taken any more.
  void close();

  Result<AppendResult> append(Append append);
  void append_async(Append append, AppendCallback callback);

  // Hands a result to the callback thread without an append.
  void answer_async(AppendCallback callback, Result<AppendResult> result) {
    callbacks_.answer(std::move(callback), std::move(result));
  }

 private:
  static Error closed();

  // Those that are called with the mutex held give it back while they commit or call idle_().
  Result<void> admit_locked(const Append& append) REQUIRES(mutex_);
  void enqueue_locked(Pending& pending) REQUIRES(mutex_);
  std::vector<Pending*> take_group_locked() REQUIRES(mutex_);
  void wait_until_done(const Pending& pending) EXCLUDES(mutex_);
  void lead_locked() REQUIRES(mutex_);
  void answer_group(std::span<Pending* const> group, std::uint32_t epoch);
  void gather(std::size_t released) const;
  void rest_locked() REQUIRES(mutex_);
  void run_writer(const std::stop_token& stop);

  Clock& clock_;
  const AppendQueueOptions options_;
  const Commit commit_;
  const std::function<void()> idle_;

  Mutex mutex_;
  std::deque<Pending*> queue_ GUARDED_BY(mutex_);
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

  CallbackThread callbacks_;
  std::jthread writer_;
};

template <QueueableAppend Append>
AppendQueue<Append>::AppendQueue(Clock& clock, AppendQueueOptions options, Commit commit,
                                 std::function<void()> idle)
    : clock_(clock),
      options_(options),
      commit_(std::move(commit)),
      idle_(std::move(idle)),
      writer_([this](const std::stop_token& stop) { run_writer(stop); }) {}

template <QueueableAppend Append>
void AppendQueue<Append>::close() {
  {
    const MutexLock lock(mutex_);
    closing_ = true;
  }
  // The writer answers what is queued; only then may the callback thread end.
  writer_.request_stop();
  if (writer_.joinable()) writer_.join();
  callbacks_.close();
}

template <QueueableAppend Append>
Error AppendQueue<Append>::closed() {
  return {.code = ErrorCode::Closed, .message = "the store is being closed; nothing was written"};
}

template <QueueableAppend Append>
Result<void> AppendQueue<Append>::admit_locked(const Append& append) {
  const auto refuse = [&](Error error) {
    if (append.context().chain != nullptr) append.context().chain->break_off();
    return std::unexpected(std::move(error));
  };
  if (closing_) return refuse(closed());
  if (queue_.size() >= options_.requests_max ||
      (!queue_.empty() && queue_bytes_ + append.size() > options_.bytes_max)) {
    return refuse({.code = ErrorCode::Overloaded,
                   .message = "more appends wait than the store's queue takes (" +
                              std::to_string(queue_.size()) +
                              "); nothing was written, try again later"});
  }
  return {};
}

template <QueueableAppend Append>
Result<AppendResult> AppendQueue<Append>::append(Append append) {
  Pending pending{.append = std::move(append)};
  MutexLock lock(mutex_);
  if (auto admitted = admit_locked(pending.append); !admitted) {
    return std::unexpected(std::move(admitted).error());
  }
  if (!leading_ && queue_.empty()) {
    leading_ = true;
    lock.unlock();
    const std::array group{&pending};
    commit_(group);
    lock.lock();
    leading_ = false;
    rested_ = false;
    active_ = true;
    if (!queue_.empty() || closing_) writer_wanted_.notify_one();
    return std::move(pending.result);
  }
  enqueue_locked(pending);
  lock.unlock();
  wait_until_done(pending);
  return std::move(pending.result);
}

template <QueueableAppend Append>
void AppendQueue<Append>::enqueue_locked(Pending& pending) {
  pending.epoch.store(epoch_, std::memory_order_relaxed);
  queue_.push_back(&pending);
  queue_bytes_ += pending.append.size();
  queued_.store(queue_.size(), std::memory_order_relaxed);
}

template <QueueableAppend Append>
void AppendQueue<Append>::wait_until_done(const Pending& pending) {
  for (;;) {
    const auto epoch = pending.epoch.load(std::memory_order_relaxed);
    auto& done = done_[epoch % 2];
    const auto seen = done.load(std::memory_order_acquire);
    if (static_cast<std::int32_t>(seen - epoch) < 0) {
      done.wait(seen, std::memory_order_acquire);
    } else if (pending.epoch.load(std::memory_order_relaxed) == epoch) {
      // A group that was too large went on without its last members, which then have a later epoch:
      // that was written before `done` was.
      return;
    }
  }
}

template <QueueableAppend Append>
void AppendQueue<Append>::append_async(Append append, AppendCallback callback) {
  std::unique_ptr<Pending> pending(
      new Pending{.append = std::move(append), .callback = std::move(callback)});
  MutexLock lock(mutex_);
  if (auto admitted = admit_locked(pending->append); !admitted) {
    lock.unlock();
    return answer_async(std::move(pending->callback), std::unexpected(std::move(admitted).error()));
  }
  enqueue_locked(*pending.release());  // answer_group() takes it back
  if (!leading_) writer_wanted_.notify_one();
}

template <QueueableAppend Append>
std::vector<PendingAppend<Append>*> AppendQueue<Append>::take_group_locked() {
  std::vector<Pending*> group;
  std::uint64_t bytes = 0;
  while (!queue_.empty()) {
    bytes += queue_.front()->append.size();
    const bool is_full =
        group.size() >= options_.group_appends_max || bytes > options_.group_bytes_max;
    if (!group.empty() && is_full) break;
    group.push_back(queue_.front());
    queue_bytes_ -= queue_.front()->append.size();
    queue_.pop_front();
  }
  ++epoch_;
  for (auto* left_over : queue_) left_over->epoch.store(epoch_, std::memory_order_relaxed);
  queued_.store(queue_.size(), std::memory_order_relaxed);
  return group;
}

// The word that the members wait on comes last: a member may be gone right after.
template <QueueableAppend Append>
void AppendQueue<Append>::answer_group(std::span<Pending* const> group, std::uint32_t epoch) {
  for (auto* pending : group) {
    if (!pending->callback) continue;
    const std::unique_ptr<Pending> taken_back(pending);
    answer_async(std::move(pending->callback), std::move(pending->result));
  }
  auto& done = done_[epoch % 2];
  done.store(epoch, std::memory_order_release);
  done.notify_all();
}

template <QueueableAppend Append>
void AppendQueue<Append>::lead_locked() {
  leading_ = true;
  while (!queue_.empty()) {
    const auto epoch = epoch_;
    const auto group = take_group_locked();
    mutex_.unlock();
    commit_(group);
    answer_group(group, epoch);
    gather(group.size());
    mutex_.lock();
  }
  leading_ = false;
  rested_ = false;
  active_ = true;
}

template <QueueableAppend Append>
void AppendQueue<Append>::gather(std::size_t released) const {
  if (options_.gather_time.count() == 0) return;
  const auto until = clock_.monotonic_now() + options_.gather_time;
  while (queued_.load(std::memory_order_relaxed) < released && clock_.monotonic_now() < until) {
    std::this_thread::yield();
  }
}

template <QueueableAppend Append>
void AppendQueue<Append>::rest_locked() {
  leading_ = true;
  rested_ = true;
  mutex_.unlock();
  idle_();
  mutex_.lock();
  leading_ = false;
}

template <QueueableAppend Append>
void AppendQueue<Append>::run_writer(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const auto wanted = [this]() REQUIRES(mutex_) { return !leading_ && !queue_.empty(); };
  while (!stop.stop_requested()) {
    if (writer_wanted_.wait_for(lock, stop, options_.idle_after, wanted)) {
      lead_locked();
    } else if (std::exchange(active_, false)) {
      continue;  // not quiet for long enough
    } else if (!leading_ && !rested_ && !stop.stop_requested()) {
      rest_locked();
    }
  }
  // closing_ is set: nothing is admitted any more. What is under way ends, what waits is refused.
  while (leading_) writer_wanted_.wait(lock);
  while (!queue_.empty()) {
    const auto epoch = epoch_;
    const auto group = take_group_locked();
    for (auto* pending : group) pending->result = std::unexpected(closed());
    lock.unlock();
    answer_group(group, epoch);
    lock.lock();
  }
}

}  // namespace eventstore
