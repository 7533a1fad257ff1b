#pragma once

#include <condition_variable>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "core/backoff.hpp"
#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/subscription.hpp"
#include "subscription/checkpoint_keeper.hpp"

namespace eventstore::subscription {

// A thread that takes what a subscription delivers to a handler.
class HandlerThread final : public RunningSubscription {
 public:
  struct Work {
    std::unique_ptr<Subscription> subscription;
    SubscriptionHandler& handler;
    std::optional<CheckpointKeeper> checkpoint;
  };

  HandlerThread(const Environment& environment, Work work, const RunOptions& options);
  ~HandlerThread() override = default;

  Result<void> stop(Deadline deadline) override EXCLUDES(mutex_);
  Result<void> wait(Deadline deadline) override EXCLUDES(mutex_);
  std::optional<Error> failure() const override EXCLUDES(mutex_);
  GlobalPosition position() const override EXCLUDES(mutex_);
  bool is_live() const override EXCLUDES(mutex_);

 private:
  void run(const std::stop_token& stop) EXCLUDES(mutex_);
  Result<void> deliver_until(const std::stop_token& stop);
  Result<void> deal_with(const Delivery& delivery, const std::stop_token& stop);
  Result<void> reached(GlobalPosition position) EXCLUDES(mutex_);
  Result<void> store_if_due(const std::stop_token& stop);
  Result<void> try_again(Error error, const std::stop_token& stop);

  Clock& clock_;
  // The thread's.
  Work work_;
  const std::function<void(const Error&)> on_retry_;
  Backoff backoff_;

  mutable Mutex mutex_;
  std::condition_variable_any has_ended_;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::optional<Error> failure_ GUARDED_BY(mutex_);
  GlobalPosition position_ GUARDED_BY(mutex_);
  bool is_live_ GUARDED_BY(mutex_) = false;

  std::jthread thread_;  // the last, so that all it touches outlives it
};

}  // namespace eventstore::subscription
