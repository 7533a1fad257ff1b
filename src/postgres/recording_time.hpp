#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// The time that events are recorded at: the server's clock, but never going back behind the newest
// event, and carried on by this process's monotonic clock where the server's leaps by more than an
// hour. Opening the store again confirms the server's new time.
//
// Threads: one at a time.
class RecordingTime {
 public:
  // `server`: what the server's clock says now. `newest`: of the newest event.
  Timestamp at(Timestamp server, Timestamp newest, const StoreSettings& settings) {
    if (settings.server_time) return std::max(newest, settings.server_time());
    const auto monotonic = settings.environment.clock->monotonic_now();
    if (!base_) base_ = {server, monotonic};
    const auto passed =
        std::chrono::duration_cast<std::chrono::microseconds>(monotonic - base_->monotonic);
    const auto expected = base_->server + passed;
    const bool leapt = server - expected > kLeap || expected - server > kLeap;
    if (leapt && !leapt_) {
      settings.notify(Notice::Level::Warning,
                      "the server's clock leapt by more than an hour; it is not followed until the"
                      " store is opened again");
    }
    leapt_ = leapt;
    if (!leapt) base_ = {server, monotonic};
    return std::max(newest, leapt ? expected : server);
  }

  // Where at() takes the server's word: not before it was asked for the first time.
  struct Window {
    Timestamp begin;
    Timestamp end;
  };
  std::optional<Window> window(const StoreSettings& settings) const {
    if (!base_ || leapt_) return std::nullopt;
    const auto passed = settings.environment.clock->monotonic_now() - base_->monotonic;
    const auto expected =
        base_->server + std::chrono::duration_cast<std::chrono::microseconds>(passed);
    return Window{.begin = expected - kLeap, .end = expected + kLeap};
  }

 private:
  static constexpr auto kLeap = std::chrono::hours{1};
  struct Base {
    Timestamp server;
    std::chrono::steady_clock::time_point monotonic;
  };
  std::optional<Base> base_;
  bool leapt_ = false;
};

}  // namespace eventstore::postgres
