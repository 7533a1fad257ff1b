#pragma once

#include <string>
#include <vector>

#include "postgres/append_group.hpp"
#include "postgres/connection.hpp"
#include "postgres/group_place.hpp"
#include "postgres/statements.hpp"

namespace eventstore::postgres {

// The statements that store what a group has accepted. They borrow `statements`.
//
// The month that it begins, the streams that it makes and what it says of them. `last_month`: the
// last one that has events so far; `suffix`: of the tables that the group's events go into.
std::vector<Call> write_places(const AppendGroup& accepted, Month last_month,
                               const std::string& suffix, Statements& statements);

// Its events, with their ids and tags; `attempt` goes with ids that the caller gave.
std::vector<Call> write_events(const AppendGroup& accepted, const std::string& suffix,
                               std::uint64_t attempt, Statements& statements);

// All of it, for a group that begins no month and was decided with what is remembered. Where that
// is not so any more, the statements fail, in a transaction of which nothing is stored.
std::vector<Call> write_if_unchanged(const AppendGroup& accepted, const GroupPlace& place,
                                     Statements& statements);

}  // namespace eventstore::postgres
