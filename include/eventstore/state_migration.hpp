#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "eventstore/state.hpp"

namespace eventstore {

// A numbered change of the tables that one component keeps in the state database: a script, run
// once, in the order of the numbers.
struct StateMigration {
  std::int32_t number = 0;  // 1, 2, 3, ...
  std::string_view name;
  std::string_view script;  // as StateTransaction::run_script() takes it
};

// Runs those of `migrations` that `component` does not have yet, all in one
// transaction; any number of processes may try at once. Without `apply` it only looks.
//
// Fails with UnsupportedFormat where the tables are of a newer version than the last of
// `migrations`, or, without `apply`, of an older one; and as StateTransaction::run().
Result<void> migrate_state(StateDatabase& database, std::string_view component,
                           std::span<const StateMigration> migrations, Deadline deadline,
                           bool apply = true);

}  // namespace eventstore
