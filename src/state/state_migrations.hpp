#pragma once

#include <span>

#include "eventstore/state_migration.hpp"

namespace eventstore::state {

// Those of the state database's own tables: the scripts of sql/, compiled in.
std::span<const StateMigration> all_state_migrations();

}  // namespace eventstore::state
