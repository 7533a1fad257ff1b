#pragma once

#include "cli/session.hpp"

// What the program has of engines beside that of files and memory. Where it is built without
// PostgreSQL (EVENTSTORE_BUILD_POSTGRES), without_postgres.cpp takes the place of
// postgres_commands.cpp.
namespace eventstore::cli {

// Makes their URLs known.
void register_engines();

// The commands of `maint` that are for stores in PostgreSQL.
void add_postgres_commands(CLI::App& maint, Session& session);

// Prints the stats of a store on a server: `object`, and what more there is to say of its tables.
Expected<void> print_server_stats(Session& session, nlohmann::ordered_json object);

}  // namespace eventstore::cli
