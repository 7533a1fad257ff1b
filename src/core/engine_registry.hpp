#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eventstore/open.hpp"

namespace eventstore {

// What register_engine() has made known in this process. Safe from any thread.

// The function for the scheme of `url`; empty where there is none.
OpenFunction find_engine(std::string_view url);

// In lower case, sorted.
std::vector<std::string> registered_schemes();

}  // namespace eventstore
