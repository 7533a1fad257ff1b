#include "postgres/partitions.hpp"

#include "core/refusal.hpp"
#include "postgres/months.hpp"

namespace eventstore::postgres {
namespace {

constexpr std::uint32_t kAheadMax = 120;  // ten years

// Months that have events, and months that have tables; a month whose own tables are detached has
// others in their place, which are not counted.
constexpr const char* kList = R"(
WITH tables AS (
  SELECT
    replace(right(relname, 7), '_', '')::integer AS month,
    relname LIKE 'detached%' AS detached,
    CASE WHEN reltuples >= 0 THEN reltuples::bigint END AS rows,
    pg_total_relation_size(oid) + coalesce(pg_total_relation_size(to_regclass(
      $1::text || '.' || replace(relname, 'events', 'tags'))), 0) AS bytes
  FROM pg_class
  WHERE relnamespace = to_regnamespace($1::text)
    AND relkind = 'r'
    AND relname ~ '^(detached_)?events_[0-9]{4}_[0-9]{2}$'
    AND (relispartition OR relname LIKE 'detached%')
),
known AS (
  SELECT *, coalesce(lead(first_position) OVER (ORDER BY month) - 1,
    (SELECT max(position) FROM {s}.event_ids)) AS last_position
  FROM {s}.months
)
SELECT
  coalesce(k.month, t.month),
  k.month IS NOT NULL,
  coalesce(k.in_default, false),
  k.detached_at IS NOT NULL,
  k.first_position,
  k.last_position,
  coalesce(k.detached_events, t.rows, k.last_position - k.first_position + 1),
  t.bytes::bigint
FROM known k
FULL JOIN tables t ON t.month = k.month AND t.detached = (k.detached_at IS NOT NULL)
WHERE k.month IS NOT NULL OR NOT t.detached
ORDER BY 1
)";

// The newest month that has events, or this one.
constexpr const char* kThisMonth =
    "SELECT greatest((SELECT max(month) FROM {s}.months),"
    " to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')::integer)";

}  // namespace

Result<std::vector<PostgresPartition>> list_partitions(MaintenanceSession& session) {
  const auto rows = session.run(kList, Parameters().text(session.schema()));
  if (!rows) return std::unexpected(rows.error());
  std::vector<PostgresPartition> partitions;
  for (int row = 0; row < rows->size(); ++row) {
    using enum PostgresPartition::State;
    const auto state = !rows->boolean(row, 1)  ? Empty
                       : rows->boolean(row, 3) ? Detached
                       : rows->boolean(row, 2) ? InDefault
                                               : Stored;
    partitions.push_back({.month = Month{rows->int4(row, 0)}.to_string(),
                          .state = state,
                          .first_position = {rows->int8(row, 4)},
                          .last_position = {rows->int8(row, 5)},
                          .events = rows->int8(row, 6),
                          .bytes = rows->int8(row, 7)});
  }
  return partitions;
}

Result<std::vector<std::string>> make_partitions(MaintenanceSession& session, std::uint32_t ahead) {
  if (ahead > kAheadMax) {
    return invalid_argument("tables can be made for at most " + std::to_string(kAheadMax) +
                            " months ahead, not " + std::to_string(ahead));
  }
  const auto now = session.run(kThisMonth);
  if (!now) return std::unexpected(now.error());
  Month month{now->int4(0, 0)};
  std::vector<std::string> made;
  for (std::uint32_t count = 0; count <= ahead; ++count, month = month.next()) {
    const auto done = make_month_tables(session.connection(), session.schema(), month,
                                        MaintenanceSession::deadline());
    // Its events are in the default tables already, and stay there.
    if (!done && done.error().is(kCheckViolation)) continue;
    if (!done) return std::unexpected(to_error(done.error()));
    if (*done) made.push_back(month.to_string());
  }
  return made;
}

}  // namespace eventstore::postgres
