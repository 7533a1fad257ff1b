#pragma once

#include <string>

#include "postgres/append_group.hpp"
#include "postgres/connection.hpp"
#include "postgres/statements.hpp"

namespace eventstore::postgres {

// From so many events on, a group is stored by COPY: that takes a few more answers of the server,
// and less of its time for each event.
inline constexpr std::size_t kCopiedEventsMin = 1'000;

// Stores the events that a group has accepted in the tables of `suffix`, in the transaction that is
// open. Where they lie is left to write_places().
Answer<void> copy_events(Connection& connection, const AppendGroup& accepted,
                         const std::string& suffix, std::uint64_t attempt, Statements& statements,
                         Deadline deadline);

}  // namespace eventstore::postgres
