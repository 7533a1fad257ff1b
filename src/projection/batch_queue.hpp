#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/thread_annotations.hpp"
#include "eventstore/position.hpp"
#include "eventstore/time.hpp"
#include "subscription/event_batch.hpp"

namespace eventstore::projection {

// Events on their way from the reader of a projection to its workers, who share them.
struct RoutedBatch {
  subscription::EventBatch events = {};
  std::vector<std::uint16_t> buckets = {};  // of the partition key of each
  // Every event up to here is in this batch or in one before.
  GlobalPosition up_to = {};
  // The next batch is on its way: the reader has not come to the end of what there is.
  bool is_followed = false;
};

using RoutedBatchPtr = std::shared_ptr<const RoutedBatch>;

// Holds the reader back while a worker is behind.
//
// Threads: safe from any thread.
class BatchQueue {
 public:
  static constexpr std::size_t kBatchesMax = 4;

  // Waits for room. False: the caller was asked to stop.
  bool push(RoutedBatchPtr batch, std::stop_token stop) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto has_room = [this]() REQUIRES(mutex_) { return batches_.size() < kBatchesMax; };
    if (!changed_.wait(lock, std::move(stop), has_room)) return false;
    batches_.push_back(std::move(batch));
    changed_.notify_all();
    return true;
  }

  // Waits for a batch. Null: there are no more, or the caller was asked to stop.
  RoutedBatchPtr pop(const std::stop_token& stop) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto has_some = [this]() REQUIRES(mutex_) { return is_closed_ || !batches_.empty(); };
    const bool has_batch = changed_.wait(lock, stop, has_some) && !batches_.empty();
    if (!has_batch || stop.stop_requested()) return nullptr;
    auto batch = std::move(batches_.front());
    batches_.pop_front();
    changed_.notify_all();
    return batch;
  }

  // Waits for a batch to be there. False: not by then, there are no more, or the caller was asked
  // to stop.
  bool wait_for_some(std::stop_token stop, Deadline deadline) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto has_news = [this]() REQUIRES(mutex_) { return is_closed_ || !batches_.empty(); };
    changed_.wait_until(lock, std::move(stop), deadline, has_news);
    return !batches_.empty();
  }

  // No more are pushed.
  void close() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    is_closed_ = true;
    changed_.notify_all();
  }

 private:
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<RoutedBatchPtr> batches_ GUARDED_BY(mutex_);
  bool is_closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace eventstore::projection
