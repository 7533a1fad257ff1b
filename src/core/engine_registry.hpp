#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eventstore/open.hpp"
#include "eventstore/state.hpp"

namespace eventstore {

// What register_engine() and register_state_engine() have made known in this process. Safe from any
// thread.

// The function for the scheme of `url`; empty where there is none.
OpenFunction find_engine(std::string_view url);
OpenStateFunction find_state_engine(std::string_view url);

// In lower case, sorted.
std::vector<std::string> registered_schemes();

}  // namespace eventstore
