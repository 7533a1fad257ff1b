#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "eventstore/event_store.hpp"
#include "eventstore/projections.hpp"
#include "projection/projection_rows.hpp"

namespace eventstore::projection {

// How a projection is. Fails as StateTransaction::run() and lag_of().
Result<ProjectionStatus> status_of(StateTransaction& transaction, EventStore& store,
                                   const ProjectionRow& row);

}  // namespace eventstore::projection
