#pragma once

#include <span>

#include "eventstore/state_migration.hpp"

namespace eventstore::subscription {

// Those of the tables of consumer groups: the scripts of sql/, compiled in.
std::span<const StateMigration> all_group_migrations();

}  // namespace eventstore::subscription
