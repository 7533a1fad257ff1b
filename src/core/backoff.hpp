#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stop_token>

#include "core/pause.hpp"

namespace eventstore {

// Waits longer and longer between attempts, at least a millisecond.
//
// Ownership: borrows the randomness.
// Threads:   one at a time.
class Backoff {
 public:
  Backoff(RandomSource& random, std::chrono::milliseconds shortest,
          std::chrono::milliseconds longest)
      : random_(random),
        shortest_(std::max(shortest, std::chrono::milliseconds(1))),
        longest_(std::max(longest, shortest_)) {}

  // After an attempt that failed. False: it was asked to stop before.
  bool wait(const std::stop_token& stop) {
    return wait_out(pause_after(random_, ++failures_, shortest_, longest_), stop);
  }

  // An attempt was a success.
  void reset() { failures_ = 0; }

 private:
  RandomSource& random_;
  const std::chrono::milliseconds shortest_;
  const std::chrono::milliseconds longest_;
  std::uint32_t failures_ = 0;
};

}  // namespace eventstore
