#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "core/file_system.hpp"
#include "subscription/event_filter.hpp"
#include "subscription/stored_reader.hpp"
#include "subscription/tail_reader.hpp"

namespace eventstore::subscription {

// What a subscription needs of the others in its process.
struct SubscriptionContext {
  EventStore& store;
  Clock& clock;
  TailReader& tail;
};

// A subscription: it reads what is stored until it knows all of it, and from then on takes what the
// tail reader has; where it was too slow for that it reads what is stored again.
class StoreSubscription final : public Subscription {
 public:
  StoreSubscription(const SubscriptionContext& context, EventFilter filter,
                    std::size_t batch_events_max, GlobalPosition start);
  ~StoreSubscription() override;
  StoreSubscription(const StoreSubscription&) = delete;
  StoreSubscription& operator=(const StoreSubscription&) = delete;

  Result<Delivery> next(Deadline deadline, std::stop_token cancellation) override;
  GlobalPosition position() const override { return position_; }
  bool is_live() const override { return is_live_; }

 private:
  using Match = bool (EventFilter::*)(const EventView&) const;

  Delivery deliver();
  Delivery signal(SubscriptionSignal signal);
  bool position_is_due(Deadline deadline);
  Result<void> read_stored(const std::stop_token& cancellation);
  Result<void> follow_tail(Deadline deadline, const std::stop_token& cancellation);
  void pend(std::span<const EventView> events, Match match);
  Result<void> join_tail();
  void leave_tail();

  const SubscriptionContext context_;
  const EventFilter filter_;
  const std::size_t batch_events_max_;
  StoredReader stored_;

  GlobalPosition position_;  // of the last delivery
  // What matches up to here has been delivered, or is in pending_.
  GlobalPosition scanned_;
  std::span<const EventView> pending_;
  std::vector<EventView> matches_;          // what pending_ points to where not all match
  std::shared_ptr<const TailBatch> batch_;  // what the views point into, of the tail

  bool follows_tail_ = false;
  bool is_live_ = false;
  bool fell_behind_ = false;       // and has not told yet
  GlobalPosition live_from_ = {};  // the head when it joined the tail
  TailReader::FailureCount failures_told_ = 0;
  Deadline position_due_ = {};  // it does not tell of positions alone before that
};

}  // namespace eventstore::subscription
