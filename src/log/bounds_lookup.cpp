#include "log/bounds_lookup.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "log/damage.hpp"
#include "log/log_reader.hpp"
#include "log/stream_search.hpp"

namespace eventstore::log {
namespace {

// The newest event with `key` that the snapshot shows.
Result<std::optional<LocatedEvent>> newest_event(const Snapshot& snapshot, const Key& key,
                                                 LogReader& reader) {
  for (auto ordinal = snapshot.runs().size(); ordinal-- > 0;) {
    const auto& run = *snapshot.runs()[ordinal];
    if (!run.index->has_bounds()) continue;
    const auto entry = run.index->find(key);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) continue;
    const auto posting = last_visible(snapshot, ordinal, **entry);
    if (!posting) return std::unexpected(posting.error());
    if (!*posting) continue;
    return reader.read(run, **posting);
  }
  return std::nullopt;
}

// Whether damage has taken events behind `position` of which no index knows any more.
bool lacks_events_behind(const Snapshot& snapshot, GlobalPosition position) {
  return std::ranges::any_of(snapshot.runs(), [&](const auto& run) {
    return run->damage != nullptr && std::ranges::any_of(*run->damage, [&](const Finding& finding) {
             return finding.where.last_position > position;
           });
  });
}

}  // namespace

Timestamp time_of(const Snapshot& snapshot, Timestamp wall) {
  const auto& run = *snapshot.runs()[snapshot.run_of(snapshot.head)];
  if (snapshot.head < run.first_position) return wall;
  const auto newest = LogReader(snapshot.layout).read(run, run.posting_of(snapshot.head));
  return newest && *newest ? std::max(wall, (*newest)->event.view.recorded_at) : wall;
}

Timestamp before(Timestamp time, std::chrono::seconds age) {
  constexpr std::chrono::seconds kLongest{1'000'000'000'000};
  return age < kLongest ? time - age : Timestamp::min();
}

std::string_view bounded_stream(const StoredEvent& event) {
  const auto& view = event.view;
  if ((event.flags & kBoundsEvent) == 0 || event.is_husk()) return {};
  if (view.type == kTombstoneType) return view.stream;
  return view.stream.starts_with(kMetadataPrefix) ? view.stream.substr(kMetadataPrefix.size())
                                                  : std::string_view{};
}

bool has_bounds(const RunList& runs) {
  return std::ranges::any_of(runs, [](const auto& run) { return run->index->has_bounds(); });
}

Result<StreamBounds> bounds_of(const Snapshot& snapshot, std::string_view stream,
                               std::uint64_t secret) {
  LogReader reader(snapshot.layout);
  const auto event = newest_event(
      snapshot,
      {.kind = KeyKind::Bounds, .text = stream, .hash = hash_key(KeyKind::Bounds, stream, secret)},
      reader);
  if (!event) return std::unexpected(event.error());
  if (!*event) return StreamBounds{};
  const auto& view = (*event)->event.view;
  const auto stated = stated_bounds(view.stream, view.type, view.format, view.data);
  if (!stated || !*stated || (*stated)->stream != stream) {
    return std::unexpected(corruption({.file = (*event)->segment->path(),
                                       .offset = (*event)->offset,
                                       .first_position = view.position,
                                       .last_position = view.position},
                                      "the event does not state the bounds that it should"));
  }
  auto bounds = (*stated)->bounds;
  // Retention can be relaxed, and an event that did so may be lost: better to show what is deleted
  // than to hide what is not.
  if (lacks_events_behind(snapshot, view.position)) bounds.retention = {};
  if ((*stated)->is_tombstone) bounds.tombstone = view.version;
  return bounds;
}

Result<StreamVersion> first_readable(const Snapshot& snapshot, std::string_view stream,
                                     const StreamBounds& bounds, std::uint64_t secret,
                                     Timestamp wall) {
  // Of a tombstoned stream the tombstone is hidden as well.
  if (bounds.is_tombstoned()) return StreamVersion{bounds.tombstone.value + 1};
  auto first = std::max(bounds.truncate_before, StreamVersion{1});
  const auto key = stream_key(stream, secret);
  if (const auto count = bounds.retention.max_count) {
    const auto last = visible_version(snapshot, key);
    if (!last) return last;
    if (last->value > *count) first = std::max(first, StreamVersion{last->value - *count + 1});
  }
  if (const auto age = bounds.retention.max_age) {
    const auto young = first_young(snapshot, stream, *age, secret, time_of(snapshot, wall));
    if (!young) return young;
    first = std::max(first, *young);
  }
  return first;
}

Result<StreamVersion> first_young(const Snapshot& snapshot, std::string_view stream,
                                  std::chrono::seconds age, std::uint64_t secret, Timestamp now) {
  const auto key = stream_key(stream, secret);
  const auto oldest = before(now, age);
  const auto found = first_reached(
      snapshot, key, [&](const StoredEvent& event) { return event.view.recorded_at >= oldest; });
  if (!found) return std::unexpected(found.error());
  if (*found) return (*found)->version;
  const auto last = visible_version(snapshot, key);
  if (!last) return last;
  return StreamVersion{last->value + 1};
}

HiddenVersions::HiddenVersions(Snapshot snapshot, std::uint64_t secret)
    : snapshot_(std::move(snapshot)), secret_(secret), any_(has_bounds(snapshot_.runs())) {}

Result<StreamVersion> HiddenVersions::first_kept(std::string_view stream) {
  if (!any_ || is_planted(Plant::DeletedIsShown)) return StreamVersion{};
  if (const auto* const known = known_.find(stream)) return *known;
  const auto bounds = bounds_of(snapshot_, stream, secret_);
  if (!bounds) return std::unexpected(bounds.error());
  return known_.add(stream, bounds->first_kept());
}

Result<bool> HiddenVersions::hides(const EventView& event) {
  const auto first = first_kept(event.stream);
  if (!first) return std::unexpected(first.error());
  return event.version < *first;
}

}  // namespace eventstore::log
