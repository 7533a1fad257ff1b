#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/event.hpp"
#include "eventstore/projections.hpp"
#include "eventstore/state.hpp"

// What is stored of events that could not be applied. All functions fail as
// StateTransaction::run(), with Corruption where a state has no name that is known.
namespace eventstore::projection {

// Notes a failed attempt, and counts it in its hour. `failure` has no times.
Result<void> note_attempt(StateTransaction& transaction, std::int64_t generation,
                          const ProjectionFailure& failure);
// Where those are that failed and have not been applied or left out since.
Result<std::set<GlobalPosition>> open_failures(StateTransaction& transaction,
                                               std::int64_t generation, GlobalPosition after);
// What became of the event in the end.
Result<void> set_failure_state(StateTransaction& transaction, std::int64_t generation,
                               GlobalPosition position, FailureState state);
Result<void> remove_failure_hours(StateTransaction& transaction, std::string_view projection);

// Of all projections where the name is empty.
Result<std::vector<ProjectionFailure>> list_failures(StateTransaction& transaction,
                                                     std::string_view projection,
                                                     std::uint64_t limit);
Result<std::vector<FailureHour>> list_failure_hours(StateTransaction& transaction,
                                                    std::string_view projection,
                                                    std::uint64_t limit);
// Events that were parked or skipped, or stopped it.
Result<std::uint64_t> count_failures(StateTransaction& transaction, std::int64_t generation);

}  // namespace eventstore::projection
