#pragma once

// What the program has of engines beside that of files and memory. Where it is built without
// PostgreSQL (EVENTSTORE_BUILD_POSTGRES), without_postgres.cpp takes the place of
// postgres_commands.cpp.
namespace eventstore::cli {

// Makes their URLs known.
void register_engines();

}  // namespace eventstore::cli
