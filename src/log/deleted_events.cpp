#include "log/deleted_events.hpp"

#include <algorithm>

#include "log/stream_search.hpp"

namespace eventstore::log {

DeletedEvents::DeletedEvents(const Snapshot& snapshot, std::uint64_t secret, Timestamp now,
                             std::chrono::seconds id_retention)
    : snapshot_(snapshot),
      secret_(secret),
      now_(now),
      oldest_id_(before(time_of(snapshot, now), id_retention)) {}

Result<Fate> DeletedEvents::fate_of(const StoredEvent& event) {
  const auto known = this->known(event.view.stream);
  if (!known) return std::unexpected(known.error());
  if (!event.is_husk() && event.view.version >= (*known)->first_kept) return Fate::Kept;
  const auto husk = event.is_husk() ? Fate::Kept : Fate::Husk;
  if (event.view.recorded_at >= oldest_id_) return husk;
  auto& last = (*known)->last;
  if (!last) {
    const auto version = visible_version(snapshot_, stream_key(event.view.stream, secret_));
    if (!version) return std::unexpected(version.error());
    last = *version;
  }
  return event.view.version == *last ? husk : Fate::Hole;
}

Result<DeletedEvents::Known*> DeletedEvents::known(std::string_view stream) {
  if (auto* const found = known_.find(stream)) return found;
  const auto bounds = bounds_of(snapshot_, stream, secret_);
  if (!bounds) return std::unexpected(bounds.error());
  auto first_kept = bounds->tombstone;  // which stays: it says that the stream is deleted
  if (!bounds->is_tombstoned()) {
    const auto readable = first_readable(snapshot_, stream, *bounds, secret_, now_);
    if (!readable) return std::unexpected(readable.error());
    first_kept = *readable;
  }
  return &known_.add(stream, {.first_kept = first_kept});
}

}  // namespace eventstore::log
