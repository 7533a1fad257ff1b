#include "subscription/handler_thread.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "core/refusal.hpp"

namespace eventstore::subscription {
namespace {

// The clock of condition variables takes no time too far away.
constexpr auto kWaitMax = std::chrono::hours(1);

// What `call`, a function of the user's, answers; what it throws becomes an error here, for nobody
// above could catch it.
template <typename Call>
Result<void> guarded(Call call) {
  try {
    return call();
  } catch (const std::exception& thrown) {
    return invalid_argument(std::string("the subscription's handler threw: ") + thrown.what());
  } catch (...) {
    return invalid_argument("the subscription's handler threw something that is no std::exception");
  }
}

}  // namespace

HandlerThread::HandlerThread(const Environment& environment, Work work, const RunOptions& options)
    : clock_(*environment.clock),
      work_(std::move(work)),
      on_retry_(options.on_retry),
      backoff_(*environment.random, options.pause_min, options.pause_max),
      position_(work_.subscription->position()),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Result<void> HandlerThread::stop(Deadline deadline) {
  thread_.request_stop();
  return wait(deadline);
}

Result<void> HandlerThread::wait(Deadline deadline) {
  MutexLock lock(mutex_);
  while (!ended_) {
    const auto now = clock_.monotonic_now();
    if (now >= deadline) {
      return std::unexpected(Error{.code = ErrorCode::DeadlineExceeded,
                                   .message = "the subscription has not ended in time"});
    }
    has_ended_.wait_until(lock, std::min(deadline, now + kWaitMax));
  }
  return failure_ ? std::unexpected(*failure_) : Result<void>();
}

std::optional<Error> HandlerThread::failure() const {
  const MutexLock lock(mutex_);
  return failure_;
}

GlobalPosition HandlerThread::position() const {
  const MutexLock lock(mutex_);
  return position_;
}

bool HandlerThread::is_live() const {
  const MutexLock lock(mutex_);
  return is_live_;
}

void HandlerThread::run(const std::stop_token& stop) {
  if (work_.checkpoint) work_.checkpoint->begin(work_.subscription->position());
  auto ended = deliver_until(stop);
  auto& checkpoint = work_.checkpoint;
  if (checkpoint && !checkpoint->is_stored()) {
    auto stored = checkpoint->store();
    if (ended) ended = std::move(stored);
  }
  const MutexLock lock(mutex_);
  ended_ = true;
  is_live_ = false;
  if (!ended) failure_ = std::move(ended).error();
  has_ended_.notify_all();
}

Result<void> HandlerThread::deliver_until(const std::stop_token& stop) {
  auto& checkpoint = work_.checkpoint;
  while (!stop.stop_requested()) {
    if (auto stored = store_if_due(stop); !stored) return stored;
    if (stop.stop_requested()) return {};
    const auto deadline = checkpoint ? checkpoint->due() : Deadline::max();
    const auto delivery = work_.subscription->next(deadline, stop);
    if (delivery) {
      backoff_.reset();
      if (auto dealt = deal_with(*delivery, stop); !dealt) return dealt;
    } else if (!stop.stop_requested() && clock_.monotonic_now() < deadline) {
      if (auto again = try_again(delivery.error(), stop); !again) return again;
    }
  }
  return {};
}

Result<void> HandlerThread::deal_with(const Delivery& delivery, const std::stop_token& stop) {
  auto& handler = work_.handler;
  auto& checkpoint = work_.checkpoint;
  std::optional<GlobalPosition> handled;  // and not told
  for (const auto& event : delivery.events) {
    if (stop.stop_requested()) return handled ? reached(*handled) : Result<void>();
    if (auto done = guarded([&] { return handler.handle(event); }); !done) {
      // What was handled before it does not come again, if the handler agrees; the first failure
      // is the one to tell.
      if (handled) static_cast<void>(reached(*handled));
      return done;
    }
    handled = event.position;
    if (!checkpoint || !checkpoint->count_handled()) continue;
    if (auto done = reached(*handled); !done) return done;
    handled.reset();
    if (auto stored = store_if_due(stop); !stored) return stored;
  }
  if (auto done = reached(delivery.position); !done) return done;
  if (delivery.signal == SubscriptionSignal::None) return {};
  return guarded([&]() -> Result<void> {
    delivery.signal == SubscriptionSignal::CaughtUp ? handler.caught_up() : handler.fell_behind();
    return {};
  });
}

Result<void> HandlerThread::reached(GlobalPosition position) {
  if (auto done = guarded([&] { return work_.handler.reached(position); }); !done) return done;
  if (work_.checkpoint) work_.checkpoint->reached(position);
  const MutexLock lock(mutex_);
  position_ = position;
  is_live_ = work_.subscription->is_live();
  return {};
}

// Nothing more is handled until it is stored, so that no more comes twice than was agreed.
Result<void> HandlerThread::store_if_due(const std::stop_token& stop) {
  auto& checkpoint = work_.checkpoint;
  while (checkpoint && checkpoint->is_due() && !stop.stop_requested()) {
    auto stored = checkpoint->store();
    if (stored) return {};
    if (auto again = try_again(std::move(stored).error(), stop); !again) return again;
  }
  return {};
}

// Pauses, if that failure may be none the next time; else fails with it.
Result<void> HandlerThread::try_again(Error error, const std::stop_token& stop) {
  if (!error.is_retryable()) return std::unexpected(std::move(error));
  if (on_retry_) {
    auto told = guarded([&]() -> Result<void> {
      on_retry_(error);
      return {};
    });
    if (!told) return told;
  }
  backoff_.wait(stop);
  return {};
}

}  // namespace eventstore::subscription
