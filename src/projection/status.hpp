#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "eventstore/event_store.hpp"
#include "eventstore/projections.hpp"
#include "projection/projection_rows.hpp"

namespace eventstore::projection {

// How far behind the store's head somebody is who has come to `position`.
struct Lag {
  GlobalPosition head;
  std::uint64_t positions = 0;
  std::chrono::microseconds time = {};
};
// `now` is by the clock that recorded_at is of, about. Fails as EventStore::read().
Result<Lag> lag_of(EventStore& store, GlobalPosition position, Timestamp now);

// How a projection is. Fails as StateTransaction::run() and lag_of().
Result<ProjectionStatus> status_of(StateTransaction& transaction, EventStore& store,
                                   const ProjectionRow& row);

}  // namespace eventstore::projection
