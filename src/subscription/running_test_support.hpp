#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/checkpoint.hpp"
#include "eventstore/subscription.hpp"
#include "subscription/subscription_test_support.hpp"

// Subscriptions with a thread of their own, as tests run them.
namespace eventstore::test {

using Positions = std::vector<std::uint64_t>;

// Notes what it is given, and lets a test wait for it.
class NotingHandler final : public SubscriptionHandler {
 public:
  // Called for each event before it is noted.
  std::function<Result<void>(const EventView&)> on_event = [](const EventView&) {
    return Result<void>();
  };

  Result<void> handle(const EventView& event) override {
    if (auto done = on_event(event); !done) return done;
    const std::lock_guard lock(mutex_);
    positions_.push_back(event.position.value);
    return {};
  }
  Result<void> reached(GlobalPosition position) override {
    const std::lock_guard lock(mutex_);
    reached_ = position;
    changed_.notify_all();
    return {};
  }
  void caught_up() override {
    const std::lock_guard lock(mutex_);
    has_caught_up_ = true;
    changed_.notify_all();
  }

  void wait_until_caught_up() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, soon(), [&] { return has_caught_up_; })) {
      throw std::runtime_error("it has not caught up in time");
    }
  }
  void wait_for(GlobalPosition position) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, soon(), [&] { return reached_ >= position; })) {
      throw std::runtime_error("the position was not reached in time");
    }
  }
  Positions positions() {
    const std::lock_guard lock(mutex_);
    return positions_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  GlobalPosition reached_;
  bool has_caught_up_ = false;
  Positions positions_;
};

inline Error error_with(ErrorCode code) {
  return {.code = code, .message = "planted"};
}

class RunningTest : public SubscriptionTest {
 protected:
  StateDatabase& state() {
    if (state_ == nullptr) {
      store();
      state_ = value_of(open_state(url()));
    }
    return *state_;
  }
  RunOptions with_checkpoint() {
    return {.checkpoint = DurableCheckpoint{.state = &state(), .name = "reader"}};
  }
  std::unique_ptr<RunningSubscription> run(NotingHandler& handler, RunOptions options = {},
                                           SubscriptionRequest request = {}) {
    return value_of(subscriptions().run(std::move(request), handler, std::move(options)));
  }
  std::uint64_t stored() {
    const auto transaction = value_of(state().begin_read(soon()));
    const auto checkpoint = value_of(load_checkpoint(*transaction, "reader"));
    return checkpoint ? checkpoint->position.value : 0;
  }
  void move(std::uint64_t from, std::uint64_t to) {
    const auto transaction = value_of(state().begin(soon()));
    EXPECT_EQ(value_of(store_checkpoint(*transaction, "reader", {from}, {to})),
              CheckpointOutcome::Stored);
    value_of(transaction->commit());
  }
  void append(int count) {
    for (; count > 0; --count) append_one(store(), "s");
  }

 private:
  std::unique_ptr<StateDatabase> state_;
};

}  // namespace eventstore::test
