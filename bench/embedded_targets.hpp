#pragma once

#include <vector>

#include "targets.hpp"

namespace eventstore::bench {

// What is asked of the embedded engine.
std::vector<Target> embedded_targets();

}  // namespace eventstore::bench
