#include <utility>

#include "subscription/bucket_work.hpp"
#include "subscription/group_settings.hpp"

// What parked events have to do with the others.
namespace eventstore::subscription {

bool BucketWork::is_held(const RecordedEvent& event) const {
  return !held_keys_.empty() && held_keys_.contains(key_of(event, settings_));
}

void BucketWork::hold(std::string key) {
  const auto number = bucket_of(key);
  held_keys_.insert(std::move(key));
  const auto at = buckets_.find(number);
  if (at == buckets_.end()) return;
  unlist(number, at->second);
  list(number, at->second);
}

void BucketWork::release(const std::string& key) {
  held_keys_.erase(key);
  const auto number = bucket_of(key);
  const auto at = buckets_.find(number);
  if (at == buckets_.end()) return;
  unlist(number, at->second);
  list(number, at->second);
}

void BucketWork::set_held(std::set<std::string> keys) {
  if (keys == held_keys_) return;
  held_keys_ = std::move(keys);
  for (const auto& [number, bucket] : buckets_) {
    unlist(number, bucket);
    list(number, bucket);
  }
}

std::vector<const RecordedEvent*> BucketWork::held_events(std::size_t limit) const {
  std::vector<const RecordedEvent*> found;
  for (const auto number : held_) {
    for (const auto& waiting : buckets_.at(number).events) {
      if (found.size() == limit) return found;
      if (!is_held(waiting.event)) break;
      found.push_back(&waiting.event);
    }
  }
  return found;
}

void BucketWork::finish_held(GlobalPosition position, std::uint32_t number) {
  const auto at = buckets_.find(number);
  if (at == buckets_.end()) return;
  auto& bucket = at->second;
  if (bucket.open || bucket.events.empty()) return;
  if (bucket.events.front().event.position != position) return;
  unlist(number, bucket);
  bucket.paused_until.reset();
  pop_front(number, bucket);
  ++answered_count_;
  list(number, bucket);
}

bool BucketWork::has_replay(std::uint32_t bucket, GlobalPosition position) const {
  const auto at = buckets_.find(bucket);
  return at != buckets_.end() && at->second.replays.contains(position);
}

void BucketWork::add_replay(std::uint32_t number, const Replay& replay) {
  const auto at = buckets_.find(number);
  if (at == buckets_.end()) return;
  unlist(number, at->second);
  at->second.replays.try_emplace(replay.event.position, replay);
  list(number, at->second);
}

void BucketWork::keep_replays(const std::set<GlobalPosition>& positions) {
  for (auto& [number, bucket] : buckets_) {
    if (bucket.replays.empty()) continue;
    unlist(number, bucket);
    std::erase_if(bucket.replays, [&](const auto& replay) {
      return bucket.open != replay.first && !positions.contains(replay.first);
    });
    list(number, bucket);
  }
}

void BucketWork::drop_replays_of_key(std::uint32_t number, const std::string& key) {
  const auto at = buckets_.find(number);
  if (at == buckets_.end()) return;
  auto& bucket = at->second;
  unlist(number, bucket);
  std::erase_if(bucket.replays, [&](const auto& replay) {
    return bucket.open != replay.first && key_of(replay.second.event, settings_) == key;
  });
  list(number, bucket);
}

}  // namespace eventstore::subscription
