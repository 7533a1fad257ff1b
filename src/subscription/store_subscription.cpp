#include "subscription/store_subscription.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <ranges>
#include <utility>

namespace eventstore::subscription {
namespace {

// A position that has moved through what does not match is told at most so often.
constexpr std::chrono::milliseconds kPositionPeriod{100};
// Where no more than so many positions are left to the head, the tail reader's window is where to
// read them: behind a busy writer a pass over what is stored never ends at the head.
constexpr std::uint64_t kNearHead = 1024;

}  // namespace

StoreSubscription::StoreSubscription(const SubscriptionContext& context, EventFilter filter,
                                     std::size_t batch_events_max, GlobalPosition start)
    : context_(context),
      filter_(std::move(filter)),
      batch_events_max_(batch_events_max),
      stored_(context.store, filter_),
      position_(start),
      scanned_(start) {}

StoreSubscription::~StoreSubscription() {
  leave_tail();
}

Result<Delivery> StoreSubscription::next(Deadline deadline, std::stop_token cancellation) {
  for (;;) {
    if (!pending_.empty()) return deliver();
    if (fell_behind_) {
      fell_behind_ = false;
      return signal(SubscriptionSignal::FellBehind);
    }
    if (follows_tail_ && !is_live_ && scanned_ >= live_from_) {
      is_live_ = true;
      return signal(SubscriptionSignal::CaughtUp);
    }
    if (position_is_due(deadline)) return signal(SubscriptionSignal::None);
    auto gone_on = follows_tail_ ? follow_tail(deadline, cancellation) : read_stored(cancellation);
    if (!gone_on) return std::unexpected(std::move(gone_on).error());
  }
}

// The next of what is pending, at most a delivery full.
Delivery StoreSubscription::deliver() {
  const auto events = pending_.first(std::min(pending_.size(), batch_events_max_));
  pending_ = pending_.subspan(events.size());
  position_ = pending_.empty() ? scanned_ : events.back().position;
  position_due_ = context_.clock.monotonic_now() + kPositionPeriod;
  return {.events = events, .position = position_};
}

Delivery StoreSubscription::signal(SubscriptionSignal signal) {
  position_ = scanned_;
  position_due_ = context_.clock.monotonic_now() + kPositionPeriod;
  return {.position = position_, .signal = signal};
}

bool StoreSubscription::position_is_due(Deadline deadline) {
  return scanned_ > position_ &&
         context_.clock.monotonic_now() >= std::min(position_due_, deadline);
}

Result<void> StoreSubscription::read_stored(const std::stop_token& cancellation) {
  const auto part = stored_.next(scanned_, cancellation);
  if (!part) return std::unexpected(part.error());
  if (filter_.has_patterns()) {
    pend(part->events, &EventFilter::matches_patterns);
  } else {
    pending_ = part->events;
  }
  scanned_ = part->up_to;
  return part->ends_a_pass ? join_tail() : Result<void>();
}

// Follows the tail, if all that is left to read is there.
Result<void> StoreSubscription::join_tail() {
  const auto head = context_.store.head();
  if (!head) return std::unexpected(head.error());
  if (*head > scanned_ && head->value - scanned_.value > kNearHead) return {};
  follows_tail_ = context_.tail.join(scanned_);
  live_from_ = *head;
  return {};
}

void StoreSubscription::leave_tail() {
  if (!follows_tail_) return;
  context_.tail.leave();
  follows_tail_ = false;
}

Result<void> StoreSubscription::follow_tail(Deadline deadline,
                                            const std::stop_token& cancellation) {
  const auto until = scanned_ > position_ ? std::min(deadline, position_due_) : deadline;
  auto taken = context_.tail.take(scanned_, failures_told_, until, cancellation);
  if (!taken) {
    const bool tells_position =
        taken.error().code == ErrorCode::DeadlineExceeded && scanned_ > position_;
    return tells_position ? Result<void>() : std::unexpected(std::move(taken).error());
  }
  batch_ = *std::move(taken);
  if (batch_ == nullptr) {
    leave_tail();
    fell_behind_ = std::exchange(is_live_, false);
    return {};
  }
  // It has joined somewhere within the first batch.
  const auto events = batch_->events.events();
  pend(std::ranges::subrange(std::ranges::upper_bound(events, scanned_, {}, &EventView::position),
                             events.end()),
       &EventFilter::matches);
  scanned_ = batch_->up_to;
  if (!pending_.empty()) stored_.passed(pending_.back());
  return {};
}

// Makes those of `events` pending that match.
void StoreSubscription::pend(std::span<const EventView> events, Match match) {
  matches_.clear();
  std::ranges::copy_if(events, std::back_inserter(matches_),
                       [&](const EventView& event) { return (filter_.*match)(event); });
  pending_ = matches_;
}

}  // namespace eventstore::subscription
