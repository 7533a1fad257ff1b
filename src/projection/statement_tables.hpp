#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "eventstore/result.hpp"

namespace eventstore::projection {

// The statement as the database knows its tables: the names in braces are `tables`. Fails with
// InvalidArgument where a name in braces is none of them, or one of them is not in braces.
Result<std::string> with_tables(std::string_view sql, std::int64_t generation,
                                std::span<const std::string> tables);

}  // namespace eventstore::projection
