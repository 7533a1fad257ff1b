#include "postgres/vacuum.hpp"

#include <chrono>
#include <string>

namespace eventstore::postgres {
namespace {

// Where a fiftieth of the rows is dead or has changed since the planner last looked, or it never
// has. (Autovacuum waits for a fifth and a tenth.)
constexpr const char* kTables =
    "SELECT relname::text, n_dead_tup, pg_total_relation_size(relid), CASE"
    " WHEN pg_has_role((SELECT relowner FROM pg_class c WHERE c.oid = relid), 'USAGE') THEN true"
    " WHEN pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()),"
    " 'USAGE') THEN true WHEN current_setting('server_version_num')::integer >= 170000"
    " THEN has_table_privilege(relid, 'MAINTAIN') ELSE false END FROM pg_stat_user_tables"
    " WHERE schemaname = (SELECT nspname FROM pg_namespace WHERE oid = to_regnamespace($1::text))"
    " AND ($2::boolean OR n_dead_tup > 50 + n_live_tup / 50"
    " OR n_mod_since_analyze > 50 + n_live_tup / 50"
    " OR (n_live_tup > 0 AND last_analyze IS NULL AND last_autoanalyze IS NULL))"
    " ORDER BY relname";

constexpr const char* kTable =
    "SELECT n_dead_tup, pg_total_relation_size(relid) FROM pg_stat_user_tables"
    " WHERE relid = to_regclass($1::text || '.' || quote_ident($2::text))";

}  // namespace

Result<std::vector<PostgresVacuum>> vacuum(MaintenanceSession& session, bool all) {
  const auto tables = session.run(kTables, Parameters().text(session.schema()).boolean(all));
  if (!tables) return std::unexpected(tables.error());
  std::vector<PostgresVacuum> report;
  for (int row = 0; row < tables->size(); ++row) {
    PostgresVacuum done{.table = std::string(tables->text(row, 0)),
                        .dead_rows_before = tables->int8(row, 1),
                        .bytes_before = tables->int8(row, 2)};
    const auto begin = std::chrono::steady_clock::now();
    // The server would only warn, and do nothing.
    if (!tables->boolean(row, 3)) {
      return std::unexpected(Error{
          .code = ErrorCode::ReadOnly,
          .message = "only the owner of the store's tables may vacuum" + (" them: " + done.table)});
    }
    // One statement at a time: VACUUM runs in no transaction.
    auto vacuumed = session.run_script("VACUUM (ANALYZE) " + session.schema() + "." +
                                       postgres::quote_identifier(done.table));
    if (!vacuumed) return std::unexpected(std::move(vacuumed).error());
    done.duration = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - begin);
    const auto after = session.run(kTable, Parameters().text(session.schema()).text(done.table));
    if (!after) return std::unexpected(after.error());
    if (!after->empty()) {
      done.dead_rows_after = after->int8(0, 0);
      done.bytes_after = after->int8(0, 1);
    }
    report.push_back(std::move(done));
  }
  return report;
}

}  // namespace eventstore::postgres
