#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/file_system.hpp"
#include "log/log_settings.hpp"

namespace eventstore::log {

// The time that events are recorded at: the wall clock, but never going back, and carried on by the
// monotonic clock where the wall clock leaps by more than an hour. Opening the store again confirms
// the wall clock's new time.
//
// Ownership: borrows the clock and the settings.
// Threads:   one at a time.
class RecordingClock {
 public:
  // `last`: of the newest event stored.
  RecordingClock(Clock& clock, Timestamp last, const LogSettings& settings)
      : clock_(clock), settings_(settings), last_(last) {
    wall_base_ = clock.wall_now();
    monotonic_base_ = clock.monotonic_now();
    if (last - wall_base_ > kLeap) {
      report("the wall clock is more than an hour behind the newest event; times go on from there");
    }
  }

  Timestamp now() {
    const auto wall = clock_.wall_now();
    const auto monotonic = clock_.monotonic_now();
    const auto expected = wall_base_ + std::chrono::duration_cast<std::chrono::microseconds>(
                                           monotonic - monotonic_base_);
    const bool leapt = wall - expected > kLeap || expected - wall > kLeap;
    if (leapt && !leapt_) {
      report(
          "the wall clock leapt by more than an hour; it is not followed until the store is "
          "opened again");
    }
    leapt_ = leapt;
    if (!leapt) {
      wall_base_ = wall;
      monotonic_base_ = monotonic;
    }
    last_ = std::max(last_, leapt ? expected : wall);
    return last_;
  }

 private:
  static constexpr auto kLeap = std::chrono::hours{1};

  void report(const char* message) const { settings_.notify(Notice::Level::Warning, message); }

  Clock& clock_;
  const LogSettings& settings_;
  Timestamp last_;
  Timestamp wall_base_;
  std::chrono::steady_clock::time_point monotonic_base_;
  bool leapt_ = false;  // when it was last asked
};

}  // namespace eventstore::log
