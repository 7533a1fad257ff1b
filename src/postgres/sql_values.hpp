#pragma once

#include <span>

#include "eventstore/state.hpp"
#include "postgres/connection.hpp"

namespace eventstore::postgres {

// A statement of a state database as this engine's connections run it. Borrows the text.
Call call_of(std::string_view sql, std::span<const SqlParameter> parameters);

// What it gave. Fails with InvalidArgument where a column is of a type that has no SqlValue.
Result<SqlRows> values_of(const Rows& rows);

}  // namespace eventstore::postgres
