#include <algorithm>
#include <iterator>
#include <utility>

#include "core/refusal.hpp"
#include "eventstore/event_store.hpp"
#include "subscription/group_member.hpp"
#include "subscription/group_settings.hpp"

// The rounds of a member: what it stores, takes and gives.
namespace eventstore::subscription {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
// Parked events that are in memory at once to be replayed, and that are parked at once.
constexpr std::size_t kReplaysMax = 256;
constexpr std::size_t kHeldMax = 256;

// How many buckets the member at `place` of `count` is meant to have: all of them together have
// all, and no two differ by more than one.
std::size_t quota_of(std::size_t place, std::size_t count) {
  constexpr std::size_t kBuckets = ConsumerGroups::kBuckets;
  return kBuckets * (place + 1) / count - kBuckets * place / count;
}

// The next round tells which.
Error changed_hands(const std::string& group) {
  return {
      .code = ErrorCode::Overloaded,
      .message = "buckets of consumer group " + in_quotes(group) + " have changed hands meanwhile"};
}

}  // namespace

Result<std::unique_ptr<StateTransaction>> RunningGroupMember::begin() {
  auto transaction = parts_.state->begin(now() + kPatience);
  if (!transaction) return transaction;
  if (auto locked = lock_group(**transaction, parts_.group); !locked) {
    return std::unexpected(std::move(locked).error());
  }
  return transaction;
}

Result<void> RunningGroupMember::make_round(Stay stay) {
  const MutexLock storing(storing_);
  const auto began = now();
  auto transaction = begin();
  if (!transaction) return std::unexpected(std::move(transaction).error());

  const auto group = find_group(**transaction, parts_.group);
  if (!group) return std::unexpected(group.error());
  if (!*group || (*group)->id != parts_.group_id) {
    const MutexLock lock(mutex_);
    is_removed_ = true;
    last_round_ = began;
    work_.drop_all();
    delivers_.notify_all();
    return {};
  }
  Round round{.stopped = (*group)->stopped, .parked_changes = (*group)->parked_changes};
  if (auto done = transact_round(**transaction, stay, round); !done) return done;
  if (auto done = (*transaction)->commit(); !done) return done;
  transaction->reset();

  apply(round, began);
  if (!round.given.empty() || !round.taken.empty()) wake_reader();
  if ((!round.given.empty() || stay == Stay::Leaves) && parts_.tell_others) parts_.tell_others();
  return stay == Stay::Leaves ? Result<void>{} : load_replays(round.replays);
}

Result<void> RunningGroupMember::transact_round(StateTransaction& transaction, Stay stay,
                                                Round& round) {
  std::size_t quota = 0;
  auto self = renew(transaction, stay, quota);
  if (!self) return std::unexpected(std::move(self).error());
  if (auto shared = share_buckets(transaction, *self, quota, round); !shared) return shared;
  if (stay == Stay::Stays) return look_at_parked(transaction, round);
  // All buckets are given by now, unless some are this member's that it does not know of.
  return remove_member(transaction, parts_.group, {.id = self->id, .position = {}});
}

// Renews the membership, or begins a new one where the last ran out and was ended by somebody else;
// ends those of others that have run out.
Result<MemberRow> RunningGroupMember::renew(StateTransaction& transaction, Stay stay,
                                            std::size_t& quota) {
  const auto at = transaction.now();
  auto members = list_members(transaction, parts_.group);
  if (!members) return std::unexpected(std::move(members).error());
  auto is_self = [this](const MemberRow& member) REQUIRES(storing_) { return member.id == id_; };
  if (std::ranges::none_of(*members, is_self)) {
    id_ = make_uuid_v7(*parts_.environment->random, at).to_string();
    members->push_back(
        {.id = id_, .name = parts_.member, .expires_at = at + parts_.settings.lease});
    if (auto added = add_member(transaction, parts_.group, members->back()); !added) {
      return std::unexpected(std::move(added).error());
    }
  }
  for (const auto& member : *members) {
    if (member.id == id_ || member.expires_at > at) continue;
    if (auto removed = remove_member(transaction, parts_.group, member); !removed) {
      return std::unexpected(std::move(removed).error());
    }
  }
  std::erase_if(*members, [&](const MemberRow& member) REQUIRES(storing_) {
    return member.id != id_ && member.expires_at <= at;
  });
  const auto self = std::ranges::find_if(*members, is_self);
  self->expires_at = at + parts_.settings.lease;
  const auto place = static_cast<std::size_t>(std::distance(members->begin(), self));
  const MutexLock lock(mutex_);
  quota = stay == Stay::Leaves || is_leaving_ ? 0 : quota_of(place, members->size());
  return std::move(*self);
}

Result<void> RunningGroupMember::share_buckets(StateTransaction& transaction, MemberRow self,
                                               std::size_t quota, Round& round) {
  const auto rows = list_buckets(transaction, parts_.group, self.id);
  if (!rows) return std::unexpected(rows.error());
  std::set<std::uint32_t> own;
  for (const auto& row : *rows) {
    if (!row.is_free) own.insert(row.progress.bucket);
  }
  std::vector<BucketProgress> unclaimed;
  auto lowest = self.position;
  {
    const MutexLock lock(mutex_);
    for (const auto bucket : work_.buckets()) {
      if (!own.contains(bucket)) work_.drop(bucket);  // they were taken for another's
    }
    // Where the outcome of an earlier round was unknown, some may be this member's and new to it.
    for (const auto& row : *rows) {
      if (!row.is_free && !work_.has(row.progress.bucket)) round.taken.push_back(row.progress);
    }
    work_.keep(quota - std::min(quota, round.taken.size()));
    round.given = work_.to_give();
    for (const auto& row : *rows) {
      if (row.is_free && own.size() + unclaimed.size() < quota) unclaimed.push_back(row.progress);
    }
    std::ranges::copy(unclaimed, std::back_inserter(round.taken));
    auto first = work_.lowest();
    for (const auto& one : round.taken) {
      first = std::min(first.value_or(one.position), one.position);
    }
    lowest = first.value_or(self.position);
    round.stored = work_.unstored(lowest);
    round.answered = work_.answered_count();
  }
  std::uint64_t changed = 0;
  if (lowest < self.position) {
    if (auto raised = raise_buckets(transaction, parts_.group, self); !raised) return raised;
  }
  for (const auto& done : {store_progress(transaction, parts_.group, self.id, round.stored),
                           give_buckets(transaction, parts_.group, self.id, round.given),
                           take_buckets(transaction, parts_.group, self.id, unclaimed)}) {
    if (!done) return std::unexpected(done.error());
    changed += *done;
  }
  if (changed != round.stored.size() + round.given.size() + unclaimed.size()) {
    return std::unexpected(changed_hands(parts_.group));
  }
  self.position = lowest;
  auto renewed = renew_member(transaction, parts_.group, self);
  if (!renewed) return std::unexpected(std::move(renewed).error());
  return {};
}

Result<void> RunningGroupMember::look_at_parked(StateTransaction& transaction, Round& round) {
  bool looks_at_keys = parts_.settings.holds_behind_parked && !round.taken.empty();
  {
    const MutexLock lock(mutex_);
    if (parked_changes_ != round.parked_changes) {
      looks_at_keys = parts_.settings.holds_behind_parked;
    }
  }
  if (looks_at_keys) {
    auto keys = parked_keys(transaction, parts_.group, id_);
    if (!keys) return std::unexpected(std::move(keys).error());
    round.held_keys = *std::move(keys);
  }
  auto replays = list_replays(transaction, parts_.group, id_, kReplaysMax);
  if (!replays) return std::unexpected(std::move(replays).error());
  round.replays = *std::move(replays);
  return {};
}

void RunningGroupMember::apply(Round& round, Deadline began) {
  const MutexLock lock(mutex_);
  for (const auto& one : round.given) work_.drop(one.bucket);
  work_.mark_stored(round.stored);
  // Before the buckets are there, so that nothing of these keys is delivered.
  if (round.held_keys) work_.set_held(*std::move(round.held_keys));
  for (const auto& one : round.taken) work_.take(one);
  std::set<GlobalPosition> replays;
  for (const auto& row : round.replays) replays.insert(row.position);
  work_.keep_replays(replays);
  stopped_ = round.stopped;
  parked_changes_ = round.parked_changes;
  answered_stored_ = round.answered;
  leased_until_ = began + parts_.settings.lease;
  last_round_ = began;
  keeps_from_ = began;
  delivers_.notify_all();
}

Result<std::optional<RecordedEvent>> RunningGroupMember::find_event(GlobalPosition position) const {
  auto cursor = parts_.subscriptions->store().read(
      {.from = position.value, .to = position.value, .limit = 1, .include_system = true});
  if (!cursor) return std::unexpected(std::move(cursor).error());
  const auto events = (*cursor)->next();
  if (!events) return std::unexpected(events.error());
  if (events->empty()) return std::nullopt;
  return RecordedEvent(events->front());
}

Result<void> RunningGroupMember::load_replays(const std::vector<ReplayRow>& rows) {
  std::vector<GlobalPosition> gone;
  for (const auto& row : rows) {
    {
      const MutexLock lock(mutex_);
      if (work_.has_replay(row.bucket, row.position)) continue;
    }
    auto event = find_event(row.position);
    if (!event) return std::unexpected(std::move(event).error());
    if (!*event) {
      gone.push_back(row.position);
      continue;
    }
    const MutexLock lock(mutex_);
    work_.add_replay(row.bucket, {.attempts = row.attempts, .event = **std::move(event)});
    delivers_.notify_all();
  }
  if (gone.empty()) return {};
  // They were deleted from the store meanwhile: there is nothing left to deliver.
  auto transaction = begin();
  if (!transaction) return std::unexpected(std::move(transaction).error());
  auto discarded = discard_parked(**transaction, parts_.group, gone);
  if (!discarded) return std::unexpected(std::move(discarded).error());
  if (auto noted = note_parked_change(**transaction, parts_.group); !noted) return noted;
  return (*transaction)->commit();
}

// Parks what comes after parked events with the same key.
Result<void> RunningGroupMember::park_held() {
  const MutexLock storing(storing_);
  std::vector<ParkedEvent> events;
  {
    const MutexLock lock(mutex_);
    for (const auto* event : work_.held_events(kHeldMax)) {
      events.push_back(parked_event(*event, 0, ""));
    }
  }
  if (events.empty()) return {};
  auto transaction = begin();
  if (!transaction) return std::unexpected(std::move(transaction).error());
  std::vector<ParkedEvent> parked;
  std::set<std::string> freed;
  std::set<std::uint32_t> passed_by;  // whose front is to be delivered first
  std::vector<BucketProgress> progress;
  for (auto& event : events) {
    const auto bucket = bucket_of(event.key);
    if (passed_by.contains(bucket)) continue;
    const auto before = parked_of_key(**transaction, parts_.group, event.key);
    if (!before) return std::unexpected(before.error());
    if (!*before) {
      freed.insert(event.key);
      passed_by.insert(bucket);
      continue;
    }
    event.last_error = "held behind position " + std::to_string((*before)->first.value);
    event.is_to_be_replayed = (*before)->all_replay;
    if (auto done = park(**transaction, parts_.group, event); !done) return done;
    if (!progress.empty() && progress.back().bucket == bucket) progress.pop_back();
    progress.push_back({.bucket = bucket, .position = event.position});
    parked.push_back(std::move(event));
  }
  const auto stored = store_progress(**transaction, parts_.group, id_, progress);
  if (!stored) return std::unexpected(stored.error());
  if (*stored != progress.size()) return std::unexpected(changed_hands(parts_.group));
  if (auto done = (*transaction)->commit(); !done) return done;

  const MutexLock lock(mutex_);
  for (const auto& event : parked) {
    work_.finish_held(event.position, bucket_of(event.key));
    is_kicked_ |= event.is_to_be_replayed;
  }
  for (const auto& key : freed) work_.release(key);
  work_.mark_stored(progress);
  delivers_.notify_all();
  return {};
}

}  // namespace eventstore::subscription
