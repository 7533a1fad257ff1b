#include "postgres/maintenance.hpp"

#include <array>
#include <utility>

#include "postgres/sql_builder.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kCountEvents =
    "SELECT count(*) FROM {s}.events e WHERE e.format <> 0 AND e.position <= $1::bigint"
    " AND NOT EXISTS (SELECT FROM {s}.bounds b WHERE b.stream_id = e.stream_id"
    " AND (b.first_kept > e.version OR b.tombstone > e.version))";

// All that have events, less those of which all is deleted.
constexpr const char* kCountStreams =
    "SELECT (SELECT count(*) FROM {s}.streams s WHERE s.month <> 0 OR EXISTS (SELECT FROM"
    " {s}.stream_months m WHERE m.stream_id = s.stream_id)) - (SELECT count(*) FROM (SELECT "
    "DISTINCT"
    " ON (stream_id) * FROM {s}.bounds ORDER BY stream_id, position DESC) b WHERE b.tombstone <> 0 "
    "OR"
    " b.truncate_before > (SELECT max(version) FROM {s}.event_ids i WHERE i.stream_id ="
    " b.stream_id))";

constexpr const char* kBytes =
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
    " WHERE c.relnamespace = to_regnamespace($1::text) AND c.relkind IN ('r', 'm')";

constexpr const char* kReadAll =
    "SELECT count(*), coalesce(sum(128 + octet_length(stream) + octet_length(type) + "
    "octet_length(tags)"
    " + length(encode(sha256(metadata), 'hex')) * 0 + octet_length(metadata)"
    " + length(encode(sha256(data), 'hex')) * 0 + octet_length(data)), 0)::bigint FROM {s}.events"
    " WHERE format <> 0";

// Each gives the first and last position that is affected, and how many are.
struct Check {
  const char* problem;
  const char* sql;
};
constexpr std::array kChecks = {
    Check{"events lack their id in event_ids",
          "SELECT min(e.position), max(e.position), count(*) FROM {s}.events e LEFT JOIN "
          "{s}.event_ids i"
          " ON i.stream_id = e.stream_id AND i.id = e.id AND i.position = e.position"
          " AND i.version = e.version WHERE i.id IS NULL"},
    Check{"events have a stream that is not in streams, or has another name there",
          "SELECT min(e.position), max(e.position), count(*) FROM {s}.events e LEFT JOIN "
          "{s}.streams s"
          " ON s.stream_id = e.stream_id AND s.name = e.stream WHERE s.stream_id IS NULL"},
    Check{"events are stored twice",
          "SELECT min(position), max(position), count(*) FROM (SELECT position FROM {s}.events"
          " GROUP BY position HAVING count(*) > 1) e"},
    Check{"versions do not grow with the positions in their stream, or lack one",
          "SELECT min(position), max(position), count(*) FROM (SELECT position, stream_id,"
          " version - lag(version) OVER w AS step, lag(position) OVER w AS before FROM {s}.events"
          " WINDOW w AS (PARTITION BY stream_id ORDER BY position)) e"
          " WHERE step < 1 OR (step > 1 AND NOT EXISTS (SELECT FROM {s}.bounds b"
          " WHERE b.stream_id = e.stream_id) AND NOT EXISTS (SELECT FROM {s}.detached_months d"
          " WHERE d.first_position BETWEEN e.before AND e.position))"},
    Check{"positions lack an event of a stream that nothing was deleted of",
          "SELECT min(i.position), max(i.position), count(*) FROM {s}.event_ids i LEFT JOIN "
          "{s}.events e"
          " ON e.position = i.position WHERE e.position IS NULL AND NOT EXISTS (SELECT FROM "
          "{s}.bounds b"
          " WHERE b.stream_id = i.stream_id) AND NOT EXISTS (SELECT FROM {s}.detached_months d"
          " WHERE i.position BETWEEN d.first_position AND d.last_position)"},
    Check{"times go back",
          "SELECT min(position), max(position), count(*) FROM (SELECT position, recorded_at"
          " < lag(recorded_at) OVER (ORDER BY position) AS back FROM {s}.events) e WHERE back"},
};

}  // namespace

Answer<StoreStats> count_store(Connection& connection, const StoreSettings& settings,
                               const SeenHead& seen, Deadline deadline) {
  const auto events = fill_in(kCountEvents, settings.schema);
  const auto streams = fill_in(kCountStreams, settings.schema);
  const std::array calls = {
      Call{.sql = events, .parameters = Parameters().int8(seen.head.value), .prepared = false},
      Call{.sql = streams, .parameters = {}, .prepared = false},
      Call{.sql = kBytes, .parameters = Parameters().text(settings.schema), .prepared = false}};
  const auto rows = connection.run(calls, deadline);
  if (!rows) return std::unexpected(rows.error());
  return StoreStats{.events = (*rows)[0].int8(0, 0),
                    .streams = (*rows)[1].int8(0, 0),
                    .head = seen.head,
                    .bytes = (*rows)[2].int8(0, 0)};
}

Answer<VerifyReport> verify_store(Connection& connection, const StoreSettings& settings,
                                  const SeenHead& /*seen*/, Deadline deadline) {
  // One snapshot for all: appends go on.
  if (auto begun =
          connection.run({.sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}, deadline);
      !begun) {
    return std::unexpected(std::move(begun).error());
  }
  const auto look = [&]() -> Answer<VerifyReport> {
    VerifyReport report;
    const auto read_all = fill_in(kReadAll, settings.schema);
    const auto read =
        connection.run({.sql = read_all, .parameters = {}, .prepared = false}, deadline);
    if (!read) {
      if (!read.error().sqlstate.starts_with("XX")) return std::unexpected(read.error());
      report.findings.push_back({.message = read.error().message, .where = {}});
      return report;
    }
    report.events = read->int8(0, 0);
    report.bytes = read->int8(0, 1);
    for (const auto& check : kChecks) {
      const auto sql = fill_in(check.sql, settings.schema);
      const auto rows = connection.run({.sql = sql, .parameters = {}, .prepared = false}, deadline);
      if (!rows) return std::unexpected(rows.error());
      const auto count = rows->int8(0, 2);
      if (count == 0) continue;
      report.findings.push_back({.message = std::to_string(count) + " " + check.problem,
                                 .where = {.file = settings.schema + ".events",
                                           .first_position = {rows->int8(0, 0)},
                                           .last_position = {rows->int8(0, 1)}}});
    }
    return report;
  };
  auto report = look();
  if (!connection.is_lost()) static_cast<void>(connection.run({.sql = "ROLLBACK"}, deadline));
  return report;
}

}  // namespace eventstore::postgres
