#pragma once

#include <vector>

#include "targets.hpp"

namespace eventstore::bench {

// What is asked of the PostgreSQL engine.
std::vector<Target> postgres_targets();

}  // namespace eventstore::bench
