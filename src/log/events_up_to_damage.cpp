#include "log/events_up_to_damage.hpp"

#include <algorithm>

#include "log/damage.hpp"

namespace eventstore::log {

EventsUpToDamage::EventsUpToDamage(std::unique_ptr<RunEvents> events,
                                   std::shared_ptr<const std::vector<Finding>> damage,
                                   Direction direction, GlobalPosition first, GlobalPosition last,
                                   std::optional<VersionRange> versions)
    : events_(std::move(events)),
      damage_(std::move(damage)),
      forwards_(direction == Direction::Forwards),
      reached_(forwards_ ? first.value - 1 : last.value + 1),
      end_(forwards_ ? last.value + 1 : first.value - 1) {
  if (!versions) return;
  next_version_ = forwards_ ? versions->first.value : versions->second.value;
  last_version_ = forwards_ ? versions->second.value : versions->first.value;
}

Result<bool> EventsUpToDamage::next(LocatedEvent& event) {
  bool is_there = false;
  if (events_ != nullptr) {
    auto more = events_->next(event);
    if (!more) {
      // What is known of the place, if anything is, says more than what was met there.
      const auto* const known = damage_behind_reached();
      const bool is_damage = more.error().code == ErrorCode::Corruption;
      return is_damage && known != nullptr ? std::unexpected(error_of(*known)) : more;
    }
    is_there = *more;
  }
  const auto position = is_there ? event.event.view.position.value : end_;
  const auto* const lost = lost_between(position);
  if (lost != nullptr && !continues(is_there ? &event : nullptr)) {
    return std::unexpected(error_of(*lost));
  }
  if (!is_there) return false;
  reached_ = position;
  if (next_version_) {
    const auto version = event.event.view.version.value;
    ended_ = version == last_version_;
    next_version_ = forwards_ ? version + 1 : version - 1;
  }
  return true;
}

const Finding* EventsUpToDamage::lost_between(std::uint64_t position) const {
  const auto [low, high] = std::minmax(reached_, position);
  if (high - low < 2) return nullptr;
  for (const auto& finding : *damage_) {
    const auto& where = finding.where;
    if (where.first_position.value < high && where.last_position.value > low) return &finding;
  }
  return nullptr;
}

const Finding* EventsUpToDamage::damage_behind_reached() const {
  const GlobalPosition next{forwards_ ? reached_ + 1 : reached_ - 1};
  const auto found = std::ranges::find_if(*damage_, [&](const Finding& finding) {
    return finding.where.first_position <= next && next <= finding.where.last_position;
  });
  return found != damage_->end() ? &*found : nullptr;
}

bool EventsUpToDamage::continues(const LocatedEvent* event) const {
  if (!next_version_) return false;
  return event != nullptr ? event->event.view.version.value == *next_version_ : ended_;
}

}  // namespace eventstore::log
