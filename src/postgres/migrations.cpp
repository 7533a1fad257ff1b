#include "postgres/migrations.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "postgres/sql_builder.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kState =
    "SELECT to_regnamespace($1::text) IS NOT NULL, to_regclass($1::text || '.migrations') IS NOT "
    "NULL,"
    " EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace($1::text))";
constexpr const char* kVersion = "SELECT coalesce(max(number), 0) FROM {s}.migrations";

// The first number of the lock is not that of appends: "EVSM".
constexpr const char* kLock = "SELECT pg_advisory_xact_lock(x'4556534d'::int, hashtext($1::text))";

constexpr const char* kPrepare =
    "CREATE SCHEMA IF NOT EXISTS {s};"
    "CREATE TABLE IF NOT EXISTS {s}.migrations (number integer PRIMARY KEY, name text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT clock_timestamp());"
    "SET LOCAL search_path TO {s};";
constexpr const char* kApplied =
    "INSERT INTO {s}.migrations (number, name) VALUES ($1::int, $2::text)";
constexpr const char* kIdentity =
    "INSERT INTO {s}.store (store_id, lineage_id) VALUES ($1::uuid, $2::uuid) ON CONFLICT DO "
    "NOTHING";

}  // namespace

Answer<SchemaState> schema_state(Connection& connection, const std::string& schema,
                                 Deadline deadline) {
  const auto found =
      connection.run({.sql = kState, .parameters = Parameters().text(schema)}, deadline);
  if (!found) return std::unexpected(found.error());
  const bool migrated = found->boolean(0, 1);
  SchemaState state{.exists = found->boolean(0, 0),
                    .has_other_tables = !migrated && found->boolean(0, 2)};
  if (!migrated) return state;
  const auto sql = fill_in(kVersion, schema);
  const auto version = connection.run({.sql = sql}, deadline);
  if (!version) return std::unexpected(version.error());
  state.version = version->int4(0, 0);
  return state;
}

Answer<void> migrate(Connection& connection, const StoreSettings& settings, Deadline deadline) {
  const auto steps = [&]() -> Answer<void> {
    const std::array begin = {Call{.sql = "BEGIN"},
                              Call{.sql = kLock, .parameters = Parameters().text(settings.schema)}};
    if (auto locked = connection.run(begin, deadline); !locked) {
      return std::unexpected(std::move(locked).error());
    }
    const auto prepare = fill_in(kPrepare, settings.schema);
    if (auto prepared = connection.run_script(prepare, deadline); !prepared) return prepared;
    const auto state = schema_state(connection, settings.schema, deadline);
    if (!state) return std::unexpected(state.error());
    const auto applied = fill_in(kApplied, settings.schema);
    for (const auto& migration : all_migrations()) {
      if (migration.number <= state->version) continue;
      if (auto run = connection.run_script(std::string(migration.script), deadline); !run)
        return run;
      auto noted = connection.run(
          {.sql = applied, .parameters = Parameters().int4(migration.number).text(migration.name)},
          deadline);
      if (!noted) return std::unexpected(std::move(noted).error());
    }
    auto& random = *settings.environment.random;
    const auto identity = fill_in(kIdentity, settings.schema);
    const std::array end = {
        Call{.sql = identity,
             .parameters = Parameters().uuid(make_uuid_v4(random)).uuid(make_uuid_v4(random))},
        Call{.sql = "COMMIT"}};
    if (auto ended = connection.run(end, deadline); !ended) {
      return std::unexpected(std::move(ended).error());
    }
    return {};
  };
  auto done = steps();
  if (!done && !connection.is_lost())
    static_cast<void>(connection.run({.sql = "ROLLBACK"}, deadline));
  return done;
}

}  // namespace eventstore::postgres
