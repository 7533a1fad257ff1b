#include "postgres/detachment.hpp"

#include <optional>
#include <string>

#include "core/refusal.hpp"
#include "postgres/json_indexes.hpp"
#include "postgres/months.hpp"

namespace eventstore::postgres {
namespace {

// No scavenge while a month comes or goes: "EVSS" and the schema's object id.
constexpr const char* kTryLock =
    "SELECT pg_try_advisory_xact_lock(x'45565353'::int, "
    "to_regnamespace($1::text)::oid::bigint::int)";

constexpr const char* kMonth =
    "SELECT in_default, detached_at IS NOT NULL, month = (SELECT max(month) FROM {s}.months),"
    " first_position, coalesce((SELECT min(first_position) FROM {s}.months n WHERE n.month >"
    " m.month), 0), detached_events, detached_tags FROM {s}.months m WHERE month = $1::integer";

// Everything that takes long comes before the locks.
constexpr const char* kLeaveHeads = R"(
CREATE TABLE {s}.heads_{m} AS
  SELECT DISTINCT ON (stream_id) stream_id, version, position, recorded_at
  FROM {s}.events_{m}
  ORDER BY stream_id, version DESC;
CREATE UNIQUE INDEX ON {s}.heads_{m} (position);
CREATE UNIQUE INDEX ON {s}.heads_{m} (stream_id, version);
)";
constexpr const char* kNote =
    "UPDATE {s}.months SET detached_at = clock_timestamp(),"
    " detached_events = (SELECT count(*) FROM {s}.events_{m}),"
    " detached_tags = (SELECT count(*) FROM {s}.tags_{m}) WHERE month = $1::integer";
constexpr const char* kDetach = R"(
ALTER TABLE {s}.events DETACH PARTITION {s}.events_{m};
ALTER TABLE {s}.tags DETACH PARTITION {s}.tags_{m};
ALTER TABLE {s}.events_{m} RENAME TO detached_events_{m};
ALTER TABLE {s}.tags_{m} RENAME TO detached_tags_{m};
ALTER TABLE {s}.heads_{m} RENAME TO events_{m};
)";

constexpr const char* kAreThere =
    "SELECT to_regclass($1::text || '.detached_events_{m}') IS NOT NULL"
    " AND to_regclass($1::text || '.detached_tags_{m}') IS NOT NULL";
constexpr const char* kUniqueIndexes =
    "SELECT count(*) FILTER (WHERE c.relname LIKE '%events%'),"
    " count(*) FILTER (WHERE c.relname LIKE '%tags%') FROM pg_index i JOIN pg_class c"
    " ON c.oid = i.indrelid WHERE i.indisunique AND i.indisvalid AND c.oid IN"
    " (to_regclass($1::text || '.detached_events_{m}'),"
    " to_regclass($1::text || '.detached_tags_{m}'))";
// Whether rows are those of the month: by number, place and time, and by where its streams end.
constexpr const char* kEventsBelong =
    "SELECT count(*) = $1::bigint AND coalesce(min(position) >= $2::bigint AND max(position) <"
    " $3::bigint AND min(recorded_at) >= $4::timestamptz AND max(recorded_at) < $5::timestamptz,"
    " true) AND NOT EXISTS (SELECT FROM {s}.events_{m} h LEFT JOIN {s}.detached_events_{m} d"
    " ON d.stream_id = h.stream_id AND d.version = h.version AND d.position = h.position"
    " WHERE d.position IS NULL) FROM {s}.detached_events_{m}";
constexpr const char* kTagsBelong =
    "SELECT count(*) = $1::bigint AND coalesce(min(position) >= $2::bigint AND max(position) <"
    " $3::bigint AND min(recorded_at) >= $4::timestamptz AND max(recorded_at) < $5::timestamptz,"
    " true) FROM {s}.detached_tags_{m}";
constexpr const char* kRestoreNames = R"(
DROP TABLE {s}.events_{m};
ALTER TABLE {s}.detached_events_{m} RENAME TO events_{m};
ALTER TABLE {s}.detached_tags_{m} RENAME TO tags_{m};
)";
constexpr const char* kForget =
    "UPDATE {s}.months SET detached_at = NULL, detached_events = NULL, detached_tags = NULL"
    " WHERE month = $1::integer";

struct MonthRow {
  Month month;
  bool in_default = false;
  bool is_detached = false;
  bool is_newest = false;
  std::uint64_t first_position = 0;
  std::uint64_t end_position = 0;  // where the next month begins
  std::uint64_t events = 0;
  std::uint64_t tags = 0;
};

Result<Month> parse_month(std::string_view text) {
  if (const auto month = Month::parse(text)) return *month;
  return invalid_argument(in_quotes(text) + " is no month as in 2026-11");
}

Result<MonthRow> find_month(MaintenanceSession& session, Month month) {
  const auto locked = session.run(kTryLock, Parameters().text(session.schema()));
  if (!locked) return std::unexpected(locked.error());
  if (!locked->boolean(0, 0)) {
    return std::unexpected(
        Error{.code = ErrorCode::Overloaded,
              .message = "the store is being scavenged, or another month comes or goes; try again"
                         " later"});
  }
  const auto rows = session.run(kMonth, Parameters().int4(month.number));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return invalid_argument("the store has no events of " + month.to_string());
  return MonthRow{.month = month,
                  .in_default = rows->boolean(0, 0),
                  .is_detached = rows->boolean(0, 1),
                  .is_newest = rows->boolean(0, 2),
                  .first_position = rows->int8(0, 3),
                  .end_position = rows->int8(0, 4),
                  .events = rows->int8(0, 5),
                  .tags = rows->int8(0, 6)};
}

Result<void> detach(MaintenanceSession& session, Month month) {
  const auto row = find_month(session, month);
  if (!row) return std::unexpected(row.error());
  const auto name = month.to_string();
  if (row->is_detached) return invalid_argument(name + " is detached already");
  if (row->is_newest) {
    return invalid_argument(name + " has the newest event of the store, and cannot be detached");
  }
  if (row->in_default) {
    return std::unexpected(Error{
        .code = ErrorCode::Unsupported,
        .message =
            "the events of " + name + " lie in the default tables, which cannot be detached"});
  }
  const auto suffix = month.suffix();
  if (auto left = session.run_script(kLeaveHeads, suffix); !left) return left;
  const auto schema = session.schema() + '.';
  const auto grants = grant_statements(session.connection(), schema + "events_" + suffix,
                                       schema + "heads_" + suffix, MaintenanceSession::deadline());
  if (!grants) return std::unexpected(to_error(grants.error()));
  if (!grants->empty()) {
    if (auto granted = session.run_script(*grants); !granted) return granted;
  }
  if (auto noted = session.run(kNote, Parameters().int4(month.number), suffix); !noted) {
    return std::unexpected(std::move(noted).error());
  }
  return session.run_script(kDetach, suffix);
}

Result<void> check_tables(MaintenanceSession& session, const MonthRow& row) {
  const auto suffix = row.month.suffix();
  const auto tables = "detached_events_" + suffix + " and detached_tags_" + suffix;
  const auto there = session.run(kAreThere, Parameters().text(session.schema()), suffix);
  if (!there) return std::unexpected(there.error());
  if (!there->boolean(0, 0)) {
    return std::unexpected(Error{.code = ErrorCode::NotFound,
                                 .message = "the tables " + tables + " are not in schema " +
                                            session.schema() +
                                            "; bring them back from where they were archived"});
  }
  const auto indexes = session.run(kUniqueIndexes, Parameters().text(session.schema()), suffix);
  if (!indexes) return std::unexpected(indexes.error());
  if (indexes->int8(0, 0) < 2 || indexes->int8(0, 1) < 1) {
    return invalid_argument("the tables " + tables +
                            " lack their unique indexes; bring them back with the rows");
  }
  const auto of_month = [&](std::uint64_t count) {
    return std::move(Parameters()
                         .int8(count)
                         .int8(row.first_position)
                         .int8(row.end_position)
                         .timestamptz(row.month.begin())
                         .timestamptz(row.month.next().begin()));
  };
  const auto events = session.run(kEventsBelong, of_month(row.events), suffix);
  if (!events) return std::unexpected(events.error());
  const auto tags = session.run(kTagsBelong, of_month(row.tags), suffix);
  if (!tags) return std::unexpected(tags.error());
  if (events->boolean(0, 0) && tags->boolean(0, 0)) return {};
  return invalid_argument("the tables " + tables + " do not hold what was detached of " +
                          row.month.to_string() + ": " + std::to_string(row.events) +
                          " events at positions from " + std::to_string(row.first_position) +
                          " to " + std::to_string(row.end_position - 1));
}

Result<void> attach(MaintenanceSession& session, Month month) {
  const auto row = find_month(session, month);
  if (!row) return std::unexpected(row.error());
  if (!row->is_detached) return invalid_argument(month.to_string() + " is not detached");
  if (auto checked = check_tables(session, *row); !checked) return checked;
  const auto suffix = month.suffix();
  if (auto named = session.run_script(kRestoreNames, suffix); !named) return named;
  if (auto attached = session.run_script(attach_statements(session.schema(), month)); !attached) {
    return attached;
  }
  auto noted = session.run(kForget, Parameters().int4(month.number));
  if (!noted) return std::unexpected(std::move(noted).error());
  return {};
}

}  // namespace

Result<void> detach_month(MaintenanceSession& session, std::string_view month) {
  const auto parsed = parse_month(month);
  if (!parsed) return std::unexpected(parsed.error());
  return session.in_transaction([&] { return detach(session, *parsed); });
}

Result<void> attach_month(MaintenanceSession& session, std::string_view month) {
  const auto parsed = parse_month(month);
  if (!parsed) return std::unexpected(parsed.error());
  if (auto done = session.in_transaction([&] { return attach(session, *parsed); }); !done) {
    return done;
  }
  // Indexes that were asked for while it was away.
  auto made = make_json_indexes(session);
  if (!made) return std::unexpected(std::move(made).error());
  return {};
}

}  // namespace eventstore::postgres
