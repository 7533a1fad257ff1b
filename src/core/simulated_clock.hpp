#pragma once

#include <chrono>

#include "core/file_system.hpp"

namespace eventstore {

// Time that a test sets. Each look at it moves it on by one tick. One thread at a time.
class SimulatedClock final : public Clock {
 public:
  struct Options {
    Timestamp start = Timestamp(std::chrono::sys_days(std::chrono::year(2024) / 1 / 1));
    std::chrono::microseconds tick{1};
  };

  SimulatedClock() : SimulatedClock(Options{}) {}
  explicit SimulatedClock(const Options& options) : wall_(options.start), tick_(options.tick) {}

  Timestamp wall_now() override {
    advance(tick_);
    return wall_;
  }
  std::chrono::steady_clock::time_point monotonic_now() override {
    advance(tick_);
    return monotonic_;
  }

  // Time passes: on both clocks.
  void advance(std::chrono::microseconds by) {
    wall_ += by;
    monotonic_ += by;
  }

  // Somebody sets the wall clock, maybe back; the monotonic one does not care.
  void set_wall(Timestamp now) { wall_ = now; }

 private:
  Timestamp wall_;
  std::chrono::steady_clock::time_point monotonic_{std::chrono::hours(1)};
  std::chrono::microseconds tick_;
};

}  // namespace eventstore
