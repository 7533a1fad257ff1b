#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "core/engine_registry.hpp"
#include "core/posix_environment.hpp"
#include "eventstore/state_migration.hpp"
#include "log/store_files.hpp"
#include "log/store_url.hpp"
#include "state/sqlite_state.hpp"
#include "state/state_migrations.hpp"

namespace eventstore {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

Result<std::unique_ptr<StateDatabase>> open_sqlite(std::string_view url,
                                                   const StateOptions& options) {
  const auto& environment = posix_environment();
  if (log::is_memory_url(url)) {
    return state::SqliteState::open(":memory:", *environment.clock, options.read_only);
  }
  const auto folder = log::folder_of_url(url);
  if (!folder) return std::unexpected(folder.error());
  auto there = log::is_there_or_creatable(*environment.files, *folder, /*create=*/false);
  if (!there) return std::unexpected(std::move(there).error());
  const auto path = *folder + "/state.sqlite";
  if (options.read_only || !options.migrate) {
    const auto exists = environment.files->exists(path);
    if (!exists) return std::unexpected(exists.error());
    if (!*exists) {
      return std::unexpected(Error{
          .code = ErrorCode::NotFound,
          .message = "the store in " + *folder + " has no state database yet (" + path + ")"});
    }
  }
  return state::SqliteState::open(path, *environment.clock, options.read_only);
}

// Where nobody has made any, the statement is of no table that there is.
bool has_tables(StateDatabase& database, Deadline deadline) {
  const auto open = database.begin_read(deadline);
  if (!open) return true;
  const auto found = (*open)->run("SELECT 1 FROM state_migrations LIMIT 1");
  return found ? !found->empty() : found.error().code != ErrorCode::InvalidArgument;
}

}  // namespace

Result<std::unique_ptr<StateDatabase>> open_state(std::string_view url,
                                                  const StateOptions& options) {
  const auto engine = find_state_engine(url);
  auto opened = engine ? engine(url, options) : open_sqlite(url, options);
  if (!opened) return opened;
  const auto deadline = posix_environment().clock->monotonic_now() + kPatience;
  const bool migrates = options.migrate && !options.read_only;
  auto migrated =
      migrate_state(**opened, "state", state::all_state_migrations(), deadline, migrates);
  if (!migrated && !migrates && !has_tables(**opened, deadline)) {
    return std::unexpected(Error{.code = ErrorCode::NotFound,
                                 .message = "the store has no state database yet (no tables)"});
  }
  if (!migrated) return std::unexpected(std::move(migrated).error());
  return opened;
}

}  // namespace eventstore
