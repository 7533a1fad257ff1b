#pragma once

#include <span>
#include <string_view>

#include "postgres/connection.hpp"
#include "postgres/months.hpp"
#include "postgres/prepared_append.hpp"
#include "postgres/statements.hpp"
#include "postgres/store_settings.hpp"
#include "postgres/stored_state.hpp"

namespace eventstore::postgres {

// Looks up everything that the outcome of a group of appends depends on, from when the lock is
// held.
//
// Ownership: borrows all it is made of.
// Threads:   one at a time.
class StateLookup {
 public:
  StateLookup(const StoreSettings& settings, KnownMonths& months, Statements& statements,
              Connection& connection, Deadline deadline)
      : settings_(settings),
        months_(months),
        statements_(statements),
        connection_(connection),
        deadline_(deadline) {}

  // Begins a transaction, takes the lock in it and looks. `made_ids_too`: also for the ids that the
  // store has made itself, which are nowhere yet unless the group was tried before.
  Answer<StoredState> look(std::span<Pending* const> group, bool made_ids_too);

  // Begins a transaction and takes the lock; false: and ended it, since the head is not the one
  // that `state` was remembered at. Else fills in what time it is. Ids are not looked for.
  Answer<bool> confirm(StoredState& state);

 private:
  Answer<void> look_up_versions(const StoredMonth& month, std::span<const std::string_view> names,
                                StoredState& state);
  Answer<void> look_up_ids(std::span<Pending* const> group, bool made_ids_too, StoredState& state);
  Answer<void> find_matches(std::span<Pending* const> group, const MonthList& months,
                            StoredState& state);
  Answer<Rows> run(const char* text, Parameters parameters);

  const StoreSettings& settings_;
  KnownMonths& months_;
  Statements& statements_;
  Connection& connection_;
  const Deadline deadline_;
};

// Takes the lock that gives positions, in the transaction that is open or begins with it.
Call lock_call(const StoreSettings& settings, Statements& statements);

}  // namespace eventstore::postgres
