#pragma once

#include <string>

#include "cli/errors.hpp"

namespace eventstore::cli {

// Has a person at the terminal say yes to `what` will be gone. Fails with "cancelled" for any other
// answer, at the end of input and on Ctrl-C; as wrong usage where there is nobody to ask.
Expected<void> confirm(const std::string& what);

}  // namespace eventstore::cli
