#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace eventstore::cli {

// Hands values from one thread to another, in order, holding back the first thread while the second
// is behind. Safe from any thread.
template <typename T>
class BoundedQueue {
 public:
  // Holds at most `values_max` values, whose weights add up to `weight_max` or less; one alone may
  // weigh more.
  BoundedQueue(std::size_t values_max, std::size_t weight_max)
      : values_max_(values_max), weight_max_(weight_max) {}

  // Waits for room. False if the queue was closed, and `value` is dropped.
  bool push(T value, std::size_t weight) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || values_.empty() || has_room(weight); });
    if (closed_) return false;
    weight_ += weight;
    values_.emplace_back(std::move(value), weight);
    changed_.notify_all();
    return true;
  }

  // Waits for a value. Absent once the queue is closed and empty.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !values_.empty(); });
    if (values_.empty()) return std::nullopt;
    auto [value, weight] = std::move(values_.front());
    values_.pop_front();
    weight_ -= weight;
    changed_.notify_all();
    return std::move(value);
  }

  // No more values are taken; those within can still be popped.
  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  bool has_room(std::size_t weight) const {
    return values_.size() < values_max_ && weight_ + weight <= weight_max_;
  }

  const std::size_t values_max_;
  const std::size_t weight_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<std::pair<T, std::size_t>> values_;
  std::size_t weight_ = 0;
  bool closed_ = false;
};

}  // namespace eventstore::cli
