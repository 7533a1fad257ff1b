#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/thread_annotations.hpp"

namespace eventstore::postgres {

// How far the writers of a self-test are, and what happened meanwhile. Safe from any thread.
class SelfTestProgress {
 public:
  SelfTestProgress(std::uint64_t events_max, std::stop_token stop)
      : events_max_(events_max), stop_(std::move(stop)) {}

  bool is_over() const { return events_ >= events_max_ || stop_.stop_requested(); }
  std::uint64_t events() const { return events_; }
  std::stop_token stop() const { return stop_; }

  void appended(std::uint64_t events) EXCLUDES(mutex_) {
    const auto before = events_.fetch_add(events);
    if (before / kStep == (before + events) / kStep) return;
    const MutexLock lock(mutex_);
    changed_.notify_all();
  }

  // Waits until there are so many events; false where it is over before.
  bool wait_for(std::uint64_t events) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    changed_.wait(lock, stop_, [&] { return events_ >= events || is_over(); });
    return events_ >= events && !is_over();
  }

  void count(std::string_view name, std::uint64_t more = 1) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    counts_[std::string(name)] += more;
  }
  std::map<std::string, std::uint64_t> counts() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return counts_;
  }

 private:
  static constexpr std::uint64_t kStep = 32;

  const std::uint64_t events_max_;
  const std::stop_token stop_;
  std::atomic<std::uint64_t> events_ = 0;
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::uint64_t> counts_ GUARDED_BY(mutex_);
};

}  // namespace eventstore::postgres
