#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "eventstore/result.hpp"
#include "eventstore/uuid.hpp"
#include "postgres/connection.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// A numbered change of a store's tables: a script of sql/, run once, in the order of the numbers.
struct Migration {
  std::int32_t number;
  std::string_view name;
  std::string_view script;
};

// All of them, in order; compiled in.
std::span<const Migration> all_migrations();

// What is at a schema.
struct SchemaState {
  bool exists = false;            // the schema
  bool has_other_tables = false;  // and it is somebody else's
  std::int32_t version = 0;       // the last migration that was applied; 0: none
};
Answer<SchemaState> schema_state(Connection& connection, const std::string& schema,
                                 Deadline deadline);

// Applies the migrations that are missing, all in one transaction, under a lock: any number of
// processes may try at once. Makes the schema and a store's identity where there are none.
Answer<void> migrate(Connection& connection, const StoreSettings& settings, Deadline deadline);

}  // namespace eventstore::postgres
