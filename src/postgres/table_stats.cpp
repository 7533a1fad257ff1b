#include "postgres/table_stats.hpp"

#include <optional>
#include <string>

namespace eventstore::postgres {
namespace {

constexpr const char* kTables =
    "SELECT relname::text, n_live_tup, n_dead_tup, pg_table_size(relid), pg_indexes_size(relid),"
    " seq_scan, coalesce(idx_scan, 0), greatest(last_vacuum, last_autovacuum),"
    " greatest(last_analyze, last_autoanalyze) FROM pg_stat_user_tables WHERE schemaname ="
    " (SELECT nspname FROM pg_namespace WHERE oid = to_regnamespace($1::text))"
    " ORDER BY pg_total_relation_size(relid) DESC, relname";

constexpr const char* kIndexes =
    "SELECT s.indexrelname::text, s.relname::text, pg_relation_size(s.indexrelid), s.idx_scan,"
    " i.indisvalid FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid"
    " WHERE s.schemaname = (SELECT nspname FROM pg_namespace WHERE oid ="
    " to_regnamespace($1::text)) ORDER BY pg_relation_size(s.indexrelid) DESC, s.indexrelname";

std::optional<Timestamp> time_at(const Rows& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return rows.timestamptz(row, column);
}

}  // namespace

Result<PostgresTableStats> table_stats(MaintenanceSession& session) {
  const auto tables = session.run(kTables, Parameters().text(session.schema()));
  if (!tables) return std::unexpected(tables.error());
  const auto indexes = session.run(kIndexes, Parameters().text(session.schema()));
  if (!indexes) return std::unexpected(indexes.error());
  PostgresTableStats stats;
  for (int row = 0; row < tables->size(); ++row) {
    stats.tables.push_back({.table = std::string(tables->text(row, 0)),
                            .rows = tables->int8(row, 1),
                            .dead_rows = tables->int8(row, 2),
                            .bytes = tables->int8(row, 3),
                            .index_bytes = tables->int8(row, 4),
                            .sequential_scans = tables->int8(row, 5),
                            .index_scans = tables->int8(row, 6),
                            .vacuumed_at = time_at(*tables, row, 7),
                            .analyzed_at = time_at(*tables, row, 8)});
  }
  for (int row = 0; row < indexes->size(); ++row) {
    stats.indexes.push_back({.index = std::string(indexes->text(row, 0)),
                             .table = std::string(indexes->text(row, 1)),
                             .bytes = indexes->int8(row, 2),
                             .scans = indexes->int8(row, 3),
                             .valid = indexes->boolean(row, 4)});
  }
  return stats;
}

}  // namespace eventstore::postgres
