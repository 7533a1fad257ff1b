#include "projection/event_reader.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "core/key_bucket.hpp"

namespace eventstore::projection {
namespace {

constexpr std::size_t kBatchBytesMax = std::size_t{1} << 20;
// How long a wait for events goes on before it is begun anew.
constexpr auto kPatience = std::chrono::seconds(10);

// Those that are not after `position`.
std::span<const EventView> up_to(std::span<const EventView> events, GlobalPosition position) {
  const auto end = std::ranges::upper_bound(events, position, {}, &EventView::position);
  return events.first(static_cast<std::size_t>(end - events.begin()));
}

}  // namespace

EventReader::EventReader(const Parts& parts, std::stop_token stop)
    : parts_(parts), stop_(std::move(stop)), batch_(std::make_shared<RoutedBatch>()) {}

Result<void> EventReader::run() {
  for (;;) {
    const auto delivery = parts_.subscription.next(deadline(), stop_);
    if (!delivery && delivery.error().code == ErrorCode::DeadlineExceeded) {
      if (auto handed = hand_on_rest(); !handed) return handed;
      continue;
    }
    if (!delivery) return std::unexpected(delivery.error());
    const auto is_last = take(*delivery);
    if (!is_last) return std::unexpected(is_last.error());
    if (*is_last) return {};
  }
}

// Whoever has something to hand on does not wait.
Deadline EventReader::deadline() const {
  const bool has_some = batch_->up_to != GlobalPosition{};
  if (has_some || announced_after_) return Deadline::min();
  return std::chrono::steady_clock::now() + kPatience;
}

// True: there is no more to read.
Result<bool> EventReader::take(const Delivery& delivery) {
  const auto& until = parts_.until;
  const auto events = until ? up_to(delivery.events, *until) : delivery.events;
  batch_->events.append(events);
  for (const auto& event : events) {
    batch_->buckets.push_back(
        static_cast<std::uint16_t>(bucket_of(parts_.projection.partition_key(event))));
  }
  batch_->up_to = until ? std::min(*until, delivery.position) : delivery.position;
  const bool is_last = until && batch_->up_to == *until;
  const bool is_full = batch_->events.events().size() >= parts_.batch_events_max ||
                       batch_->events.bytes() >= kBatchBytesMax;
  if (is_last || is_full) {
    auto handed = hand_on(/*is_followed=*/!is_last);
    if (!handed) return std::unexpected(std::move(handed).error());
  }
  return is_last;
}

Result<void> EventReader::hand_on_rest() {
  if (batch_->up_to == GlobalPosition{} && announced_after_) batch_->up_to = *announced_after_;
  if (batch_->up_to == GlobalPosition{}) return {};
  return hand_on(/*is_followed=*/false);
}

Result<void> EventReader::hand_on(bool is_followed) {
  announced_after_ = is_followed ? std::optional(batch_->up_to) : std::nullopt;
  batch_->is_followed = is_followed;
  const RoutedBatchPtr full = std::exchange(batch_, std::make_shared<RoutedBatch>());
  for (const auto& queue : parts_.queues) {
    if (queue->push(full, stop_)) continue;
    return std::unexpected(
        Error{.code = ErrorCode::Cancelled, .message = "the projection was asked to stop"});
  }
  return {};
}

}  // namespace eventstore::projection
