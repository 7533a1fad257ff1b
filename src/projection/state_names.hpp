#pragma once

#include <optional>
#include <string_view>

#include "eventstore/projections.hpp"

namespace eventstore::projection {

// The opposite of to_string(). Absent: there is none of that name.
std::optional<FailureState> parse_failure_state(std::string_view name);

}  // namespace eventstore::projection
