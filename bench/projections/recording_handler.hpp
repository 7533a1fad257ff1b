#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "eventstore/subscription.hpp"
#include "histogram.hpp"
#include "paced_appends.hpp"

namespace eventstore::bench {

// Notes when it was given which event.
//
// Threads: what it has noted is read after the subscription was stopped; the rest from any thread.
class RecordingHandler : public SubscriptionHandler {
 public:
  Result<void> handle(const EventView& event) override {
    handled_.push_back({.position = event.position, .at = std::chrono::steady_clock::now()});
    return {};
  }
  Result<void> reached(GlobalPosition position) override {
    reached_ = position.value;
    return {};
  }
  void caught_up() override { is_live_ = true; }

  bool is_live() const { return is_live_; }
  bool has_reached(GlobalPosition position) const { return reached_ >= position.value; }
  const std::vector<Acknowledged>& handled() const { return handled_; }

 private:
  std::vector<Acknowledged> handled_;
  std::atomic<std::uint64_t> reached_ = 0;
  std::atomic<bool> is_live_ = false;
};

// Waits until all of the handlers are so. Fails after a minute.
void wait_until(const std::function<bool()>& is_so);

// Adds to `delivery` how long after its acknowledgement each event was handled; 0 where that was
// before. The positions of `appends` follow each other. Returns how many events there were.
std::uint64_t add_delivery(Histogram& delivery, const std::vector<Acknowledged>& appends,
                           const RecordingHandler& handler);

}  // namespace eventstore::bench
