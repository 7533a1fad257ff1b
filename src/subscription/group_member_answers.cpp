#include <utility>

#include "subscription/group_member.hpp"
#include "subscription/group_settings.hpp"

// What a member does with answers. Most change what is in memory alone, to be stored by a round;
// what parks, stops or was parked is stored at once.
namespace eventstore::subscription {

Result<bool> RunningGroupMember::answer(const DeliveryId& delivery, const Answer& answer) {
  const auto position = delivery.position;
  {
    const MutexLock lock(mutex_);
    const auto* open = work_.find(position);
    if (open == nullptr || open->is_settling) return false;
    // One that was taken for lost, while the next is out.
    if (delivery.attempt && *delivery.attempt != open->attempt) return false;
    const auto action = decide(*open, answer);
    const bool is_stored_at_once =
        open->is_replayed || action == NackAction::Park || action == NackAction::Stop;
    if (!is_stored_at_once) return answer_in_memory(position, action);
  }
  return settle(position, answer);
}

std::optional<NackAction> RunningGroupMember::decide(const OpenDelivery& open,
                                                     const Answer& answer) const {
  if (answer.action != NackAction::Retry) return answer.action;
  // A parked event was tried often enough: whoever replays it is told at once.
  if (open.is_replayed) return NackAction::Park;
  if (open.attempt >= parts_.settings.attempts_max) return parts_.settings.when_exhausted;
  return NackAction::Retry;
}

bool RunningGroupMember::answer_in_memory(GlobalPosition position,
                                          std::optional<NackAction> action) {
  const bool is_retried = action == NackAction::Retry;
  const bool done = is_retried ? work_.retry_later(position, now()) : work_.finish(position);
  wake_after_answer();
  return done;
}

void RunningGroupMember::wake_after_answer() {
  delivers_.notify_all();
  is_kicked_ |= work_.gives_idle();
  if (is_urgent()) keeps_.notify_all();
  reads_.notify_all();
  // Calls what waits in the subscription, which holds none of this member's locks.
  if (work_.reread_after()) reading_.request_stop();
}

Result<bool> RunningGroupMember::settle(GlobalPosition position, const Answer& answer) {
  const MutexLock storing(storing_);
  ParkedEvent event;
  OpenDelivery open;
  std::optional<NackAction> action;
  {
    const MutexLock lock(mutex_);
    const auto* found = work_.find(position);
    if (found == nullptr) return false;  // another answer was faster
    open = *found;
    action = decide(open, answer);
    event = parked_event(*work_.event_of(position), open.attempt, answer.reason);
    work_.set_settling(position, true);
  }
  const auto settlement = store_answer(event, open, action);
  if (!settlement) {
    const MutexLock lock(mutex_);
    work_.set_settling(position, false);
    return std::unexpected(settlement.error());
  }
  apply_answer(event, open, action, *settlement);
  return *settlement != Settlement::Lost;
}

Result<RunningGroupMember::Settlement> RunningGroupMember::store_answer(
    const ParkedEvent& event, const OpenDelivery& open, std::optional<NackAction> action) {
  auto transaction = begin();
  if (!transaction) return std::unexpected(std::move(transaction).error());
  const auto holds = has_bucket(**transaction, parts_.group, id_, open.bucket);
  if (!holds) return std::unexpected(holds.error());
  if (!*holds) return Settlement::Lost;

  auto settlement = Settlement::Stored;
  if (action == NackAction::Stop) {
    auto stopped = set_stopped(**transaction, parts_.group, event.last_error);
    if (!stopped) return std::unexpected(std::move(stopped).error());
  } else if (open.is_replayed) {
    const auto stored = store_replayed(**transaction, event, action);
    if (!stored) return std::unexpected(stored.error());
    settlement = *stored;
  } else {
    const auto stored = store_parked(**transaction, event);
    if (!stored) return std::unexpected(stored.error());
    if (!*stored) return Settlement::Lost;
  }
  if (auto done = (*transaction)->commit(); !done) return std::unexpected(std::move(done).error());
  return settlement;
}

Result<bool> RunningGroupMember::store_parked(StateTransaction& transaction,
                                              const ParkedEvent& event) {
  if (auto parked = park(transaction, parts_.group, event); !parked) {
    return std::unexpected(std::move(parked).error());
  }
  const BucketProgress progress{.bucket = bucket_of(event.key), .position = event.position};
  const auto stored = store_progress(transaction, parts_.group, id_, {&progress, 1});
  if (!stored) return std::unexpected(stored.error());
  return *stored == 1;
}

Result<RunningGroupMember::Settlement> RunningGroupMember::store_replayed(
    StateTransaction& transaction, const ParkedEvent& event, std::optional<NackAction> action) {
  if (action == NackAction::Park) {
    if (auto parked = park(transaction, parts_.group, event); !parked) {
      return std::unexpected(std::move(parked).error());
    }
    if (!parts_.settings.holds_behind_parked) return Settlement::Stored;
    // What is to be replayed after it is held behind it again.
    auto held = cancel_replays_after(transaction, parts_.group, event.key, event.position);
    if (!held) return std::unexpected(std::move(held).error());
    return Settlement::Stored;
  }
  const auto removed = unpark(transaction, parts_.group, event.position);
  if (!removed) return std::unexpected(removed.error());
  const auto left = parked_of_key(transaction, parts_.group, event.key);
  if (!left) return std::unexpected(left.error());
  return *left ? Settlement::Stored : Settlement::KeyFreed;
}

void RunningGroupMember::apply_answer(const ParkedEvent& event, const OpenDelivery& open,
                                      std::optional<NackAction> action, Settlement settlement) {
  const MutexLock lock(mutex_);
  if (settlement == Settlement::Lost) {
    work_.drop(open.bucket);
    is_kicked_ = true;
  } else if (action == NackAction::Stop) {
    stopped_ = event.last_error;
    work_.retry_now(event.position);
    is_kicked_ = true;
  } else {
    const bool is_parked = action == NackAction::Park;
    if (is_parked && parts_.settings.holds_behind_parked) {
      work_.hold(event.key);
      work_.drop_replays_of_key(open.bucket, event.key);
    }
    if (settlement == Settlement::KeyFreed) work_.release(event.key);
    work_.finish(event.position);
    if (!open.is_replayed) {
      const BucketProgress stored{.bucket = open.bucket, .position = event.position};
      work_.mark_stored({&stored, 1});
    }
  }
  wake_after_answer();
}

ParkedEvent RunningGroupMember::parked_event(const RecordedEvent& event, std::uint32_t attempts,
                                             std::string_view reason) const {
  return {.position = event.position,
          .stream = event.stream,
          .version = event.version,
          .type = event.type,
          .key = key_of(event, parts_.settings),
          .attempts = attempts,
          .last_error = std::string(reason)};
}

}  // namespace eventstore::subscription
