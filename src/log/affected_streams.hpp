#pragma once

#include <optional>

#include "eventstore/event_store.hpp"
#include "log/log_view.hpp"

namespace eventstore::log {

// The streams with events at the positions in `where`, none where that has no positions, as the
// index of `snapshot` tells. Absent: nothing tells, because the index is damaged too, or was made
// from what is left of the log there.
std::optional<AffectedStreams> affected_streams(const Snapshot& snapshot,
                                                const DamageDetails& where);

}  // namespace eventstore::log
