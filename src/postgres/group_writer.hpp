#pragma once

#include <string>
#include <vector>

#include "postgres/append_group.hpp"
#include "postgres/connection.hpp"
#include "postgres/statements.hpp"

namespace eventstore::postgres {

// The statements that store what a group has accepted. `last_month`: the last one that has events
// so far; `suffix`: of the tables that the group's events go into.
//
// Ownership: the calls borrow the statements.
std::vector<Call> write_calls(const AppendGroup& accepted, Month last_month,
                              const std::string& suffix, Statements& statements);

}  // namespace eventstore::postgres
