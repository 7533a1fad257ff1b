#pragma once

#include <vector>

#include "targets.hpp"

namespace eventstore::bench {

// What is asked of projections and subscriptions.
std::vector<Target> projection_targets();

}  // namespace eventstore::bench
