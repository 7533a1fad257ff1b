#include "postgres/append_group.hpp"

#include <chrono>
#include <utility>

#include "core/append_errors.hpp"
#include "core/campaign_hooks.hpp"
#include "core/stream_outcomes.hpp"
#include "postgres/first_since.hpp"

namespace eventstore::postgres {

AppendGroup::AppendGroup(StoredState& state, Timestamp recorded_at, FirstSince first_since)
    : state_(state),
      recorded_at_(recorded_at),
      month_(Month::of(recorded_at)),
      first_since_(std::move(first_since)) {}

Result<AppendResult> AppendGroup::decide(const PreparedAppend& append, std::size_t ordinal) {
  auto repetition = find_repetition(append);
  if (!repetition) return std::unexpected(std::move(repetition).error());
  if (*repetition) return **std::move(repetition);
  if (auto alive = refuse_tombstoned(append); !alive)
    return std::unexpected(std::move(alive).error());
  if (auto checked = check_versions(append); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  if (append.condition()) {
    if (auto checked = check_condition(*append.condition(), ordinal); !checked) {
      return std::unexpected(std::move(checked).error());
    }
  }
  const auto changes = check_bounds(append);
  if (!changes) return std::unexpected(changes.error());
  return place(append, *changes);
}

// The same ids in the same streams, all of them and in the same order, are a repetition.
Result<std::optional<AppendResult>> AppendGroup::find_repetition(
    const PreparedAppend& append) const {
  AppendResult result{.repeated = true};
  StreamOutcomes streams;
  const PreparedAppend::Event* found = nullptr;
  const PreparedAppend::Event* missing = nullptr;
  for (const auto& event : append.events()) {
    const auto at = state_.ids.find({event.event->stream, event.id});
    if (at == state_.ids.end()) {
      missing = &event;
    } else {
      const auto& [position, version] = at->second.location;
      if (found == nullptr) {
        result.first_position = position;
      } else if (position <= result.last_position) {
        return std::unexpected(id_conflict(event.event->stream, event.id, position));
      }
      found = &event;
      result.last_position = position;
      streams.set(event.event->stream, version);
    }
    if (found != nullptr && missing != nullptr) {
      return std::unexpected(id_conflict(found->event->stream, found->id, result.last_position));
    }
  }
  if (found == nullptr) return std::nullopt;
  result.streams = streams.take();
  return result;
}

Result<void> AppendGroup::refuse_tombstoned(const PreparedAppend& append) const {
  for (const auto& event : append.events()) {
    if (state_.streams.at(event.event->stream).bounds.is_tombstoned()) {
      return std::unexpected(stream_deleted(event.event->stream));
    }
  }
  return {};
}

Result<void> AppendGroup::check_versions(const PreparedAppend& append) const {
  for (const auto& check : append.checks()) {
    if (check.expected.kind() == ExpectedVersion::Kind::Any) continue;
    const auto& stream = state_.streams.at(check.stream);
    if (stream.bounds.is_tombstoned()) return std::unexpected(stream_deleted(check.stream));
    if (!holds_for(check.expected, stream.version, stream.bounds.truncate_before)) {
      const bool is_deleted = stream.bounds.state(stream.version) == StreamState::Deleted;
      const auto actual = is_planted(Plant::VersionNotTold) ? StreamVersion{} : stream.version;
      return std::unexpected(version_conflict(check, actual, is_deleted));
    }
  }
  return {};
}

Result<void> AppendGroup::check_condition(const AppendCondition& condition,
                                          std::size_t ordinal) const {
  if (condition.after > head()) return std::unexpected(condition_beyond_head(condition, head()));
  const auto stored = state_.matches.find(ordinal);
  if (stored != state_.matches.end()) {
    return std::unexpected(condition_failed(condition, stored->second));
  }
  // What the group has accepted before.
  const auto skipped =
      condition.after > state_.head ? condition.after.value - state_.head.value : 0;
  for (auto index = skipped; index < events_.size(); ++index) {
    const auto& accepted = events_[index];
    EventView view;
    view.stream = accepted.event->event->stream;
    view.type = accepted.event->event->type;
    view.tags = TagsView(accepted.event->tags);
    if (!condition.query.matches(view)) continue;
    if (accepted.version < state_.streams.at(view.stream).bounds.first_kept()) continue;
    return std::unexpected(condition_failed(condition, {state_.head.value + index + 1}));
  }
  return {};
}

Result<BoundsCheck::Changes> AppendGroup::check_bounds(const PreparedAppend& append) const {
  if (!append.states_bounds()) return BoundsCheck::Changes{};
  BoundsCheck check({.bounds_of = [&](std::string_view stream) -> Result<StreamBounds> {
                       return state_.streams.at(stream).bounds;
                     },
                     .last_version_of = [&](std::string_view stream) -> Result<StreamVersion> {
                       return state_.streams.at(stream).version;
                     },
                     .first_young =
                         [&](std::string_view stream, std::chrono::seconds age) {
                           return first_since_(state_.streams.at(stream).id,
                                               before(recorded_at_, age));
                         }});
  for (const auto& event : append.events()) {
    auto added = check.add(event.event->stream, event.stated ? &*event.stated : nullptr);
    if (!added) return std::unexpected(std::move(added).error());
  }
  return check.take_changes();
}

AppendResult AppendGroup::place(const PreparedAppend& append, const BoundsCheck::Changes& changes) {
  AppendResult result{.first_position = head(), .last_position = head()};
  if (append.events().empty()) return result;
  ++result.first_position.value;
  StreamOutcomes outcomes;
  for (const auto& event : append.events()) {
    const GlobalPosition position{head().value + 1};
    const std::string_view name = event.event->stream;
    auto& stream = state_.streams.at(name);
    if (stream.id == 0) {
      stream.id = static_cast<StreamId>(position.value);
      new_streams_.push_back({.id = stream.id, .name = name, .month = month_});
    } else if (stream.month != month_) {
      stream_months_.push_back({.id = stream.id, .first_version = {stream.version.value + 1}});
    }
    stream.month = month_;
    ++stream.version.value;
    state_.ids.insert_or_assign({name, event.id}, StoredId{.location = {position, stream.version}});
    events_.push_back({.event = &event,
                       .stream_id = stream.id,
                       .version = stream.version,
                       .last_of_append = &event == &append.events().back()});
    outcomes.set(name, stream.version);
    if (!event.stated || !changes.contains(event.stated->stream)) continue;
    auto& bounded = state_.streams.at(event.stated->stream);
    if (bounded.id == 0) {
      bounded.id = -static_cast<StreamId>(position.value);
      new_streams_.push_back({.id = bounded.id, .name = event.stated->stream, .month = {}});
    }
    bounded.bounds = event.stated->bounds;
    if (event.stated->is_tombstone) bounded.bounds.tombstone = stream.version;
    new_bounds_.push_back({.id = bounded.id, .position = position, .bounds = bounded.bounds});
  }
  result.last_position = head();
  result.streams = outcomes.take();
  return result;
}

}  // namespace eventstore::postgres
