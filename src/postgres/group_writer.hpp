#pragma once

#include <vector>

#include "postgres/append_group.hpp"
#include "postgres/connection.hpp"
#include "postgres/statements.hpp"

namespace eventstore::postgres {

// The statements that store what a group has accepted. `last_month`: the last one that has events
// so far; `in_default`: where the group begins a month, that its events go into the default tables.
//
// Ownership: the calls borrow the statements.
std::vector<Call> write_calls(const AppendGroup& accepted, Month last_month, bool in_default,
                              Statements& statements);

}  // namespace eventstore::postgres
