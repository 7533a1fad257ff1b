#include "subscription/bucket_work.hpp"

#include <algorithm>
#include <tuple>

#include "core/check.hpp"
#include "core/pause.hpp"
#include "subscription/group_settings.hpp"

namespace eventstore::subscription {

void BucketWork::take(const BucketProgress& stored) {
  const bool rereads = !read_up_to_ || stored.position < *read_up_to_;
  const auto [at, is_new] = buckets_.try_emplace(stored.bucket);
  CHECK(is_new);
  at->second.read_up_to = stored.position;
  at->second.rereads = rereads;
  at->second.stored = stored;
  if (rereads) rereading_.insert(stored.bucket);
}

void BucketWork::drop(std::uint32_t bucket) {
  const auto at = buckets_.find(bucket);
  if (at != buckets_.end()) drop(at);
}

void BucketWork::drop(Buckets::iterator at) {
  auto& [number, bucket] = *at;
  unlist(number, bucket);
  if (bucket.open) open_.erase(*bucket.open);
  forget_events(bucket, 0);
  rereading_.erase(number);
  if (bucket.is_given) --given_count_;
  buckets_.erase(at);
  // Whoever has no bucket reads nothing, and begins anew with the first.
  if (buckets_.empty()) read_up_to_.reset();
}

void BucketWork::drop_all() {
  while (!buckets_.empty()) drop(buckets_.begin());
}

std::vector<std::uint32_t> BucketWork::buckets() const {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(buckets_.size());
  for (const auto& [number, bucket] : buckets_) numbers.push_back(number);
  return numbers;
}

void BucketWork::keep(std::size_t count) {
  std::vector<Buckets::iterator> order;
  order.reserve(buckets_.size());
  for (auto at = buckets_.begin(); at != buckets_.end(); ++at) order.push_back(at);
  // Those to give come last: what was to be given before, then what has nothing out.
  const auto rank = [](const Bucket& bucket) {
    return bucket.is_given ? 2 : bucket.open.has_value() ? 0 : 1;
  };
  std::ranges::stable_sort(
      order, [&](auto left, auto right) { return rank(left->second) < rank(right->second); });
  for (std::size_t n = 0; n < order.size(); ++n) {
    auto& [number, bucket] = *order[n];
    if (bucket.is_given == (n >= count)) continue;
    unlist(number, bucket);
    bucket.is_given = n >= count;
    bucket.is_given ? ++given_count_ : --given_count_;
    list(number, bucket);
  }
}

std::vector<BucketProgress> BucketWork::to_give() const {
  std::vector<BucketProgress> given;
  for (const auto& [number, bucket] : buckets_) {
    if (bucket.is_given && !bucket.open) given.push_back(progress_of(number, bucket));
  }
  return given;
}

bool BucketWork::gives_idle() const {
  return given_count_ > 0 && std::ranges::any_of(buckets_, [](const auto& one) {
           return one.second.is_given && !one.second.open;
         });
}

GlobalPosition BucketWork::position_of(const Bucket& bucket) const {
  // What waits to be delivered again is among the events: it holds the position back.
  if (!bucket.events.empty()) return {bucket.events.front().event.position.value - 1};
  if (bucket.rereads || !read_up_to_) return bucket.read_up_to;
  return std::max(bucket.read_up_to, *read_up_to_);
}

BucketProgress BucketWork::progress_of(std::uint32_t number, const Bucket& bucket) const {
  BucketProgress progress{.bucket = number, .position = position_of(bucket)};
  if (!bucket.events.empty()) {
    // The delivery that is out may yet be answered: only those before it have failed.
    const auto& front = bucket.events.front();
    const bool is_out = bucket.open == front.event.position;
    progress.attempts = front.attempts - (is_out ? 1 : 0);
  } else if (progress.position == bucket.stored.position) {
    progress.attempts = bucket.stored.attempts;  // its event is not read yet
  }
  return progress;
}

std::optional<GlobalPosition> BucketWork::lowest() const {
  std::optional<GlobalPosition> lowest;
  for (const auto& [number, bucket] : buckets_) {
    const auto position = position_of(bucket);
    if (!lowest || position < *lowest) lowest = position;
  }
  return lowest;
}

std::vector<BucketProgress> BucketWork::unstored(GlobalPosition lowest) const {
  std::vector<BucketProgress> found;
  for (const auto& [number, bucket] : buckets_) {
    const auto progress = progress_of(number, bucket);
    const bool is_ahead = bucket.answered > std::max(lowest, bucket.stored.position);
    if (is_ahead || progress.attempts != bucket.stored.attempts) found.push_back(progress);
  }
  return found;
}

void BucketWork::mark_stored(std::span<const BucketProgress> progress) {
  for (const auto& one : progress) {
    const auto at = buckets_.find(one.bucket);
    if (at != buckets_.end()) at->second.stored = one;
  }
}

bool BucketWork::wants_events() const {
  return !buckets_.empty() && event_count_ < limits_.events_max && byte_count_ < limits_.bytes_max;
}

std::optional<GlobalPosition> BucketWork::reread_after() const {
  std::optional<GlobalPosition> first;
  for (const auto number : rereading_) {
    const auto position = buckets_.at(number).read_up_to;
    if (!first || position < *first) first = position;
  }
  return first;
}

void BucketWork::rereads_after(GlobalPosition position) {
  // Without buckets nothing is kept of what is read: whichever comes is read anew.
  if (buckets_.empty()) return;
  for (auto& [number, bucket] : buckets_) {
    if (!bucket.rereads) {
      bucket.read_up_to = std::max(bucket.read_up_to, read_up_to_.value_or(GlobalPosition{}));
    } else if (bucket.read_up_to >= position) {
      bucket.rereads = false;
      rereading_.erase(number);
    }
  }
  read_up_to_ = position;
}

bool BucketWork::make_room() {
  if (buckets_.empty() || wants_events() || !ready_.empty()) return false;
  bool has_room = false;
  for (const auto& [until, number] : paused_) {
    auto& bucket = buckets_.at(number);
    if (bucket.events.size() < 2) continue;
    // What was read after its last event, or passed by, is of no account: all is read anew.
    bucket.read_up_to = bucket.events.front().event.position;
    bucket.rereads = true;
    forget_events(bucket, 1);
    has_room = true;
  }
  return has_room;
}

void BucketWork::push(std::span<const EventView> events, GlobalPosition position) {
  for (const auto& event : events) {
    const auto number = bucket_of(key_of(event, settings_));
    const auto at = buckets_.find(number);
    if (at == buckets_.end()) continue;
    auto& bucket = at->second;
    if (bucket.rereads || event.position <= bucket.read_up_to) continue;
    unlist(number, bucket);
    auto& waiting = bucket.events.emplace_back(Waiting{.event = RecordedEvent(event)});
    const auto& stored = bucket.stored;
    if (event.position.value == stored.position.value + 1) waiting.attempts = stored.attempts;
    bucket.read_up_to = event.position;
    ++event_count_;
    byte_count_ += bytes_of(waiting.event);
    list(number, bucket);
  }
  if (!buckets_.empty()) read_up_to_ = std::max(read_up_to_.value_or(position), position);
}

std::optional<GroupDelivery> BucketWork::deliver(Deadline now) {
  while (!paused_.empty() && paused_.begin()->first <= now) {
    const auto number = paused_.begin()->second;
    auto& bucket = buckets_.at(number);
    unlist(number, bucket);
    bucket.paused_until.reset();
    list(number, bucket);
  }
  if (ready_.empty()) return std::nullopt;
  const auto number = ready_.begin()->second;
  auto& bucket = buckets_.at(number);
  unlist(number, bucket);
  GroupDelivery delivery;
  if (!bucket.replays.empty()) {
    auto& replay = bucket.replays.begin()->second;
    delivery = {.event = replay.event, .attempt = replay.attempts + 1, .is_replayed = true};
  } else {
    auto& front = bucket.events.front();
    ++front.attempts;
    delivery = {.event = front.event, .attempt = front.attempts};
  }
  bucket.open = delivery.event.position;
  open_[delivery.event.position] = {.bucket = number,
                                    .attempt = delivery.attempt,
                                    .is_replayed = delivery.is_replayed,
                                    .due = now + settings_.answer_within};
  return delivery;
}

const OpenDelivery* BucketWork::find(GlobalPosition position) const {
  const auto at = open_.find(position);
  return at == open_.end() ? nullptr : &at->second;
}

const RecordedEvent* BucketWork::event_of(GlobalPosition position) const {
  const auto* open = find(position);
  if (open == nullptr) return nullptr;
  const auto& bucket = buckets_.at(open->bucket);
  return open->is_replayed ? &bucket.replays.at(position).event : &bucket.events.front().event;
}

// Null: it is not out.
BucketWork::Bucket* BucketWork::close(GlobalPosition position) {
  const auto at = open_.find(position);
  if (at == open_.end()) return nullptr;
  auto& bucket = buckets_.at(at->second.bucket);
  bucket.open.reset();
  open_.erase(at);
  return &bucket;
}

bool BucketWork::finish(GlobalPosition position) {
  const auto* open = find(position);
  if (open == nullptr) return false;
  const auto [number, is_replayed] = std::pair(open->bucket, open->is_replayed);
  auto& bucket = *close(position);
  if (is_replayed) {
    bucket.replays.erase(position);
  } else {
    pop_front(number, bucket);
  }
  ++answered_count_;
  list(number, bucket);
  return true;
}

bool BucketWork::retry_later(GlobalPosition position, Deadline now) {
  const auto* open = find(position);
  if (open == nullptr) return false;
  const auto number = open->bucket;
  const auto pause = pause_after(random_, open->attempt, settings_.pause_min, settings_.pause_max);
  auto& bucket = *close(position);
  bucket.paused_until = now + pause;
  list(number, bucket);
  return true;
}

bool BucketWork::retry_now(GlobalPosition position) {
  const auto* open = find(position);
  if (open == nullptr) return false;
  const auto [number, attempt, is_replayed] =
      std::tuple(open->bucket, open->attempt, open->is_replayed);
  auto& bucket = *close(position);
  if (is_replayed) bucket.replays.at(position).attempts = attempt;
  list(number, bucket);
  return true;
}

std::optional<GlobalPosition> BucketWork::first_open() const {
  if (open_.empty()) return std::nullopt;
  return open_.begin()->first;
}

void BucketWork::set_settling(GlobalPosition position, bool is_settling) {
  const auto at = open_.find(position);
  if (at != open_.end()) at->second.is_settling = is_settling;
}

std::vector<GlobalPosition> BucketWork::overdue(Deadline now) const {
  std::vector<GlobalPosition> late;
  for (const auto& [position, open] : open_) {
    if (!open.is_settling && open.due <= now) late.push_back(position);
  }
  return late;
}

std::optional<Deadline> BucketWork::next_overdue() const {
  std::optional<Deadline> next;
  for (const auto& [position, open] : open_) {
    if (!open.is_settling && (!next || open.due < *next)) next = open.due;
  }
  return next;
}

std::optional<Deadline> BucketWork::next_pause_end() const {
  if (paused_.empty()) return std::nullopt;
  return paused_.begin()->first;
}

std::size_t BucketWork::bytes_of(const RecordedEvent& event) {
  return sizeof(event) + event.stream.size() + event.type.size() + event.data.size() +
         event.metadata.size();
}

void BucketWork::pop_front(std::uint32_t number, Bucket& bucket) {
  const auto& event = bucket.events.front().event;
  bucket.answered = event.position;
  --event_count_;
  byte_count_ -= bytes_of(event);
  bucket.events.pop_front();
  // While there were events there was no hurry: reading on for the others was of more use.
  if (!bucket.events.empty() || !bucket.rereads) return;
  // Reading may have gone back behind it meanwhile, and comes by again.
  bucket.rereads = bucket.read_up_to < read_up_to_;
  if (bucket.rereads) rereading_.insert(number);
}

void BucketWork::forget_events(Bucket& bucket, std::size_t keep) {
  while (bucket.events.size() > keep) {
    --event_count_;
    byte_count_ -= bytes_of(bucket.events.back().event);
    bucket.events.pop_back();
  }
}

void BucketWork::unlist(std::uint32_t number, const Bucket& bucket) {
  if (!bucket.replays.empty()) ready_.erase({bucket.replays.begin()->first, number});
  if (!bucket.events.empty()) ready_.erase({bucket.events.front().event.position, number});
  if (bucket.paused_until) paused_.erase({*bucket.paused_until, number});
  held_.erase(number);
}

void BucketWork::list(std::uint32_t number, const Bucket& bucket) {
  if (bucket.is_given || bucket.open) return;
  if (!bucket.replays.empty()) {
    ready_.emplace(bucket.replays.begin()->first, number);
  } else if (bucket.events.empty()) {
    return;
  } else if (is_held(bucket.events.front().event)) {
    held_.insert(number);
  } else if (bucket.paused_until) {
    paused_.emplace(*bucket.paused_until, number);
  } else {
    ready_.emplace(bucket.events.front().event.position, number);
  }
}

}  // namespace eventstore::subscription
