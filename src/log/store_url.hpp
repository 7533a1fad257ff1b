#pragma once

#include <string>
#include <string_view>

#include "eventstore/result.hpp"

namespace eventstore::log {

// Whether `url` is `memory:`.
bool is_memory_url(std::string_view url);

// The folder of a store that lies in files. Fails with InvalidArgument where `url` names none.
Result<std::string> folder_of_url(std::string_view url);

}  // namespace eventstore::log
