#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <stop_token>

#include "core/file_system.hpp"

namespace eventstore::subscription {

// Waits longer and longer between attempts, each time by a random part, so that many do not come
// back at once.
//
// Threads: one at a time.
class Backoff {
 public:
  using Pause = std::chrono::milliseconds;

  Backoff(RandomSource& random, Pause shortest, Pause longest)
      : random_(random), shortest_(std::max(shortest, Pause(1))), longest_(longest) {}

  // Ends early where a stop is requested.
  void wait(const std::stop_token& stop) {
    pause_ = std::min(longest_, pause_ == Pause(0) ? shortest_ : pause_ * 2);
    std::array<std::byte, 1> byte{};
    random_.fill(byte);
    const auto part = pause_ / 2 + pause_ * std::to_integer<int>(byte[0]) / 512;
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any stopped;
    stopped.wait_for(lock, stop, part, [] { return false; });
  }

  // An attempt was a success.
  void reset() { pause_ = Pause(0); }

 private:
  RandomSource& random_;
  const Pause shortest_;
  const Pause longest_;
  Pause pause_ = Pause(0);
};

}  // namespace eventstore::subscription
