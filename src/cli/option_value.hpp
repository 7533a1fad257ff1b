#pragma once

#include <string>

#include "cli/errors.hpp"
#include "eventstore/event.hpp"

namespace eventstore::cli {

// The value of an option: text as it is, or the contents of @FILE. A file of Json is taken without
// the white space around its value: a text file ends with a line break that is not meant.
Expected<std::string> load_value(const std::string& value, PayloadFormat format);

// The same, and standard input for "-".
Expected<std::string> load_value_or_input(const std::string& value, PayloadFormat format);

}  // namespace eventstore::cli
