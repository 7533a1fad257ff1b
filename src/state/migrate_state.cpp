#include <algorithm>
#include <string>
#include <utility>

#include "eventstore/state_migration.hpp"

namespace eventstore {
namespace {

constexpr const char* kVersions =
    "CREATE TABLE IF NOT EXISTS state_migrations (component TEXT NOT NULL, number BIGINT NOT NULL,"
    " name TEXT NOT NULL, applied_at BIGINT NOT NULL, PRIMARY KEY (component, number))";
constexpr const char* kVersion = "SELECT max(number) FROM state_migrations WHERE component = $1";
constexpr const char* kApplied =
    "INSERT INTO state_migrations (component, number, name, applied_at) VALUES ($1, $2, $3, $4)";

Error other_version(std::string_view component, std::int64_t found, std::int32_t wanted) {
  return {.code = ErrorCode::UnsupportedFormat,
          .message = "the tables of " + std::string(component) + " in the state database are of" +
                     " version " + std::to_string(found) + ", and this library's of version " +
                     std::to_string(wanted) +
                     (found > wanted ? ": use a newer version of the library"
                                     : ": open it for writing once, which brings them to it")};
}

Result<std::int64_t> version_of(StateTransaction& transaction, std::string_view component) {
  const auto found = transaction.run(kVersion, {component});
  if (!found) return std::unexpected(found.error());
  return found->integer(0, 0);
}

// 0: nobody has made any tables yet.
Result<std::int64_t> present_version(StateDatabase& database, std::string_view component,
                                     Deadline deadline) {
  const auto transaction = database.begin_read(deadline);
  if (!transaction) return std::unexpected(transaction.error());
  auto version = version_of(**transaction, component);
  // Then the statement is of none that there is.
  if (!version && version.error().code == ErrorCode::InvalidArgument) return 0;
  return version;
}

Result<void> apply(StateTransaction& transaction, std::string_view component,
                   const StateMigration& migration) {
  if (auto run = transaction.run_script(migration.script); !run) return run;
  const auto now = transaction.now();
  auto noted = transaction.run(
      kApplied, {component, std::int64_t{migration.number}, migration.name, sql_number(now)});
  if (!noted) return std::unexpected(std::move(noted).error());
  return {};
}

}  // namespace

Result<void> migrate_state(StateDatabase& database, std::string_view component,
                           std::span<const StateMigration> migrations, Deadline deadline,
                           bool applies) {
  const auto wanted = migrations.empty() ? 0 : migrations.back().number;
  // Mostly nothing is to be done, and a role without the right to make tables may go on.
  auto there = present_version(database, component, deadline);
  if (!there) return std::unexpected(std::move(there).error());
  if (*there == wanted) return {};
  if (!applies || *there > wanted) return std::unexpected(other_version(component, *there, wanted));

  auto transaction = database.begin(deadline);
  if (!transaction) return std::unexpected(std::move(transaction).error());
  if (auto locked = (*transaction)->lock("migrations"); !locked) return locked;
  if (auto made = (*transaction)->run(kVersions); !made) {
    return std::unexpected(std::move(made).error());
  }
  const auto version = version_of(**transaction, component);
  if (!version) return std::unexpected(version.error());
  if (*version > wanted) return std::unexpected(other_version(component, *version, wanted));
  for (const auto& migration : migrations) {
    if (migration.number <= *version) continue;
    if (auto done = apply(**transaction, component, migration); !done) return done;
  }
  return (*transaction)->commit();
}

}  // namespace eventstore
