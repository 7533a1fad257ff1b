#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/event.hpp"
#include "eventstore/projections.hpp"
#include "eventstore/state.hpp"

// What is stored of events that could not be applied. All functions fail as
// StateTransaction::run().
namespace eventstore::projection {

// Notes a failed attempt, and counts it in its hour. `failure` has no times.
Result<void> note_attempt(StateTransaction& transaction, const ProjectionFailure& failure);
// What became of the event in the end.
Result<void> set_failure_state(StateTransaction& transaction, std::string_view projection,
                               GlobalPosition position, std::string_view state);
Result<void> remove_failures(StateTransaction& transaction, std::string_view projection);

// Of all projections where the name is empty.
Result<std::vector<ProjectionFailure>> list_failures(StateTransaction& transaction,
                                                     std::string_view projection,
                                                     std::uint64_t limit);
Result<std::vector<FailureTrend>> list_failure_hours(StateTransaction& transaction,
                                                     std::string_view projection,
                                                     std::uint64_t limit);
// Events that were parked or skipped, or stopped it.
Result<std::uint64_t> count_failures(StateTransaction& transaction, std::string_view projection);

}  // namespace eventstore::projection
