#pragma once

#include <string>
#include <string_view>

namespace eventstore::cli {

// Whether `url` is of a store on a server, not of one in files or memory.
bool is_server_url(std::string_view url);

// Whether `url` is of a store that is gone with the process.
bool is_memory_url(std::string_view url);

// `url` as it may be shown: every password in it is "...".
std::string without_passwords(std::string_view url);

}  // namespace eventstore::cli
