#include <algorithm>
#include <optional>
#include <utility>

#include "core/posix_environment.hpp"
#include "core/refusal.hpp"
#include "eventstore/subscription.hpp"
#include "subscription/handler_thread.hpp"
#include "subscription/store_subscription.hpp"

namespace eventstore {
namespace {

constexpr std::size_t kTailBytesMin = std::size_t{64} << 10;

}  // namespace

class Subscriptions::Impl {
 public:
  Impl(EventStore& store, const SubscriptionsOptions& options)
      : store_(store),
        tail_(store, posix_environment(), std::max(options.tail_bytes_max, kTailBytesMin)) {}

  EventStore& store() { return store_; }
  subscription::SubscriptionContext context() {
    return {store_, *posix_environment().clock, tail_};
  }

 private:
  EventStore& store_;
  subscription::TailReader tail_;
};

Subscriptions::Subscriptions(EventStore& store, const SubscriptionsOptions& options)
    : impl_(std::make_unique<Impl>(store, options)) {}

Subscriptions::~Subscriptions() = default;

Result<std::unique_ptr<Subscription>> Subscriptions::open(SubscriptionRequest request) {
  if (request.batch_events_max == 0) {
    return invalid_argument("batch_events_max is 0: a delivery has at least one event");
  }
  auto filter = subscription::EventFilter::compile(std::move(request.filter));
  if (!filter) return std::unexpected(std::move(filter).error());
  const auto start = subscription::position_of(store(), request.start);
  if (!start) return std::unexpected(start.error());
  return std::make_unique<subscription::StoreSubscription>(impl_->context(), *std::move(filter),
                                                           request.batch_events_max, *start);
}

Result<std::unique_ptr<RunningSubscription>> Subscriptions::run(SubscriptionRequest request,
                                                                SubscriptionHandler& handler,
                                                                RunOptions options) {
  std::optional<subscription::CheckpointKeeper> checkpoint;
  if (options.checkpoint) {
    auto loaded = subscription::CheckpointKeeper::load(*std::move(options.checkpoint),
                                                       *posix_environment().clock);
    if (!loaded) return std::unexpected(std::move(loaded).error());
    if (loaded->loaded()) request.start = AfterPosition{*loaded->loaded()};
    checkpoint = *std::move(loaded);
  }
  auto opened = open(std::move(request));
  if (!opened) return std::unexpected(std::move(opened).error());
  return std::make_unique<subscription::HandlerThread>(
      posix_environment(),
      subscription::HandlerThread::Work{.subscription = *std::move(opened),
                                        .handler = handler,
                                        .checkpoint = std::move(checkpoint)},
      options);
}

Result<void> SubscriptionHandler::reached(GlobalPosition /*position*/) {
  return {};
}

EventStore& Subscriptions::store() const {
  return impl_->store();
}

}  // namespace eventstore
