#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <utility>

#include "core/file_system.hpp"
#include "eventstore/time.hpp"

namespace eventstore::postgres {

// Waits longer and longer between attempts, each time by a random part, so that many processes do
// not come back at once.
//
// Threads: one at a time.
class Backoff {
 public:
  Backoff(RandomSource& random, std::stop_token stop) : random_(random), stop_(std::move(stop)) {}

  // False: the deadline lies before the next attempt, or the store is being closed.
  bool wait(Deadline deadline) {
    const auto span = std::min(kLongest, kShortest * (1 << std::min(attempts_, 16)));
    ++attempts_;
    std::array<std::byte, 1> byte{};
    random_.fill(byte);
    const auto pause = span / 2 + span * std::to_integer<int>(byte[0]) / 512;
    const auto until = std::chrono::steady_clock::now() + pause;
    if (until >= deadline) return false;
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any stopped;
    stopped.wait_until(lock, stop_, until, [] { return false; });
    return !stop_.stop_requested();
  }

 private:
  static constexpr std::chrono::microseconds kShortest{5'000};
  static constexpr std::chrono::microseconds kLongest{500'000};

  RandomSource& random_;
  const std::stop_token stop_;
  int attempts_ = 0;
};

}  // namespace eventstore::postgres
