#include <algorithm>
#include <utility>

#include "core/posix_environment.hpp"
#include "core/refusal.hpp"
#include "eventstore/subscription.hpp"
#include "subscription/store_subscription.hpp"

namespace eventstore {
namespace {

constexpr std::size_t kTailBytesMin = std::size_t{64} << 10;

}  // namespace

class Subscriptions::Impl {
 public:
  Impl(EventStore& store, const SubscriptionsOptions& options)
      : store_(store),
        clock_(*posix_environment().clock),
        tail_(store, clock_, std::max(options.tail_bytes_max, kTailBytesMin)) {}

  EventStore& store() { return store_; }
  subscription::SubscriptionContext context() { return {store_, clock_, tail_}; }

 private:
  EventStore& store_;
  Clock& clock_;
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

EventStore& Subscriptions::store() const {
  return impl_->store();
}

}  // namespace eventstore
