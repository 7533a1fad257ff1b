#include "postgres/group_writer.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres/group_rows.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kAddStreams =
    "INSERT INTO {s}.streams (stream_id, name, month)"
    " SELECT * FROM unnest($1::bigint[], $2::text[], $3::int[])";

constexpr const char* kAddStreamMonths =
    "INSERT INTO {s}.stream_months (stream_id, first_version, month)"
    " SELECT a.*, $3::int FROM unnest($1::bigint[], $2::bigint[]) a";

constexpr const char* kAddMonth =
    "INSERT INTO {s}.months VALUES ($1::int, $2::bigint, $3::boolean)";

constexpr const char* kAddBounds =
    "INSERT INTO {s}.bounds (stream_id, position, truncate_before, max_count, max_age, tombstone)"
    " SELECT a.s, a.p, a.t, nullif(a.c, 0), nullif(a.g, 0), a.d FROM unnest($1::bigint[],"
    " $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) a(s, p, t, c, g, d)";

constexpr const char* kAddEvents =
    "INSERT INTO {s}.events_{m} ({columns}) SELECT $1::bigint + a.n, $2::timestamptz, a.s, a.v,"
    " a.i, a.f, a.w, a.o, a.l, a.st, a.ty, a.ta, a.m, a.d"
    " FROM unnest($3::bigint[], $4::bigint[], $5::uuid[], $6::int[], $7::bigint[],"
    " $8::timestamptz[], $9::boolean[], $10::text[], $11::text[], $12::bytea[], $13::bytea[],"
    " $14::bytea[]) WITH ORDINALITY a(s, v, i, f, w, o, l, st, ty, ta, m, d, n)";

// If the head is still at $1 and that event, $17, the last month $4, and the server's time from $2
// to before $3: the time is null otherwise, which no event may have, so that nothing of the
// transaction is stored.
constexpr const char* kAddEventsIfUnchanged =
    "INSERT INTO {s}.events_{m} ({columns}) SELECT $1::bigint + a.n,"
    " (SELECT CASE WHEN h.position = $1::bigint AND h.id = $17::uuid AND t.at >= $2::timestamptz"
    " AND t.at < $3::timestamptz AND (SELECT max(month) FROM {s}.months) = $4::int"
    " THEN greatest(t.at, h.recorded_at) END FROM (SELECT clock_timestamp() AS at) t,"
    " (SELECT position, id, recorded_at FROM {s}.events_{m} ORDER BY position DESC LIMIT 1) h),"
    " a.s, a.v, a.i, a.f, a.w, a.o, a.l, a.st, a.ty, a.ta, a.m, a.d"
    " FROM unnest($5::bigint[], $6::bigint[], $7::uuid[], $8::int[], $9::bigint[],"
    " $10::timestamptz[], $11::boolean[], $12::text[], $13::text[], $14::bytea[], $15::bytea[],"
    " $16::bytea[]) WITH ORDINALITY a(s, v, i, f, w, o, l, st, ty, ta, m, d, n)";

constexpr const char* kAddIds =
    "INSERT INTO {s}.event_ids (position, stream_id, version, id, attempt) SELECT $1::bigint + a.n,"
    " a.s, a.v, a.i, $5::bigint FROM unnest($2::bigint[], $3::bigint[], $4::uuid[])"
    " WITH ORDINALITY a(s, v, i, n)";

// After the events.
constexpr const char* kAddTagsOfEvents =
    "INSERT INTO {s}.tags_{m} (position, tag, recorded_at) SELECT $1::bigint + a.n, a.t, (SELECT"
    " recorded_at FROM {s}.events_{m} WHERE position = $1::bigint + 1)"
    " FROM unnest($2::bigint[], $3::text[]) a(n, t)";

constexpr const char* kAddTags =
    "INSERT INTO {s}.tags_{m} (position, tag, recorded_at)"
    " SELECT $1::bigint + a.n, a.t, $2::timestamptz FROM unnest($3::bigint[], $4::text[]) a(n, t)";

using AddCall = std::function<void(const char* text, Parameters parameters)>;

void add_streams(const AppendGroup& accepted, const AddCall& add) {
  std::vector<std::uint64_t> ids;
  if (!accepted.new_streams().empty()) {
    std::vector<std::string_view> names;
    std::vector<std::int32_t> months;
    for (const auto& stream : accepted.new_streams()) {
      ids.push_back(static_cast<std::uint64_t>(stream.id));
      names.push_back(stream.name);
      months.push_back(stream.month.number);
    }
    add(kAddStreams, std::move(Parameters().int8_array(ids).text_array(names).int4_array(months)));
  }
  if (!accepted.stream_months().empty()) {
    ids.clear();
    std::vector<std::uint64_t> versions;
    for (const auto& stream : accepted.stream_months()) {
      ids.push_back(static_cast<std::uint64_t>(stream.id));
      versions.push_back(stream.first_version.value);
    }
    const auto month = Month::of(accepted.recorded_at());
    add(kAddStreamMonths,
        std::move(Parameters().int8_array(ids).int8_array(versions).int4(month.number)));
  }
  if (accepted.new_bounds().empty()) return;
  std::array<std::vector<std::uint64_t>, 6> columns;
  for (const auto& [id, position, bounds] : accepted.new_bounds()) {
    const auto& retention = bounds.retention;
    const auto age = retention.max_age ? retention.max_age->count() : 0;
    const std::array<std::uint64_t, 6> row = {
        static_cast<std::uint64_t>(id),  position.value,
        bounds.truncate_before.value,    retention.max_count.value_or(0),
        static_cast<std::uint64_t>(age), bounds.tombstone.value};
    for (std::size_t column = 0; column < row.size(); ++column)
      columns[column].push_back(row[column]);
  }
  Parameters parameters;
  for (const auto& column : columns) parameters.int8_array(column);
  add(kAddBounds, std::move(parameters));
}

// The columns of a group's events.
struct EventColumns {
  std::vector<std::uint64_t> streams = {};
  std::vector<std::uint64_t> versions = {};
  GroupRows rows = {};

  explicit EventColumns(const AppendGroup& accepted) {
    for (const auto& one : accepted.events()) {
      streams.push_back(static_cast<std::uint64_t>(one.stream_id));
      versions.push_back(one.version.value);
      rows.add(*one.event, one.last_of_append);
    }
  }

  void add_to(Parameters& parameters) const {
    parameters.int8_array(streams).int8_array(versions);
    rows.add_to(parameters);
  }

  // `attempt` 0: none.
  Parameters ids_behind(std::uint64_t position, std::uint64_t attempt) const {
    Parameters parameters;
    parameters.int8(position).int8_array(streams).int8_array(versions).uuid_array(rows.ids());
    attempt != 0 ? parameters.int8(attempt) : parameters.null();
    return parameters;
  }
};

bool has_given_ids(const AppendGroup& accepted) {
  return std::ranges::any_of(accepted.events(),
                             [](const auto& one) { return one.event->given_id; });
}

void add_events(const AppendGroup& accepted, std::uint64_t attempt, const AddCall& add) {
  const EventColumns columns(accepted);
  const auto before = accepted.first_position().value - 1;
  Parameters events;
  events.int8(before).timestamptz(accepted.recorded_at());
  columns.add_to(events);
  add(kAddEvents, std::move(events));
  add(kAddIds, columns.ids_behind(before, has_given_ids(accepted) ? attempt : 0));
  if (!columns.rows.has_tags()) return;
  Parameters tags;
  tags.int8(before).timestamptz(accepted.recorded_at());
  columns.rows.add_tags_to(tags);
  add(kAddTags, std::move(tags));
}

}  // namespace

std::vector<Call> write_places(const AppendGroup& accepted, Month last_month,
                               const std::string& suffix, Statements& statements) {
  std::vector<Call> calls;
  const auto add = [&](const char* text, Parameters parameters) {
    calls.push_back({.sql = statements.of(text), .parameters = std::move(parameters)});
  };
  const auto month = Month::of(accepted.recorded_at());
  if (month != last_month) {
    add(kAddMonth, std::move(Parameters()
                                 .int4(month.number)
                                 .int8(accepted.first_position().value)
                                 .boolean(suffix == "default")));
  }
  add_streams(accepted, add);
  return calls;
}

std::vector<Call> write_events(const AppendGroup& accepted, const std::string& suffix,
                               std::uint64_t attempt, Statements& statements) {
  std::vector<Call> calls;
  add_events(accepted, attempt, [&](const char* text, Parameters parameters) {
    calls.push_back({.sql = statements.of(text, suffix), .parameters = std::move(parameters)});
  });
  return calls;
}

std::vector<Call> write_if_unchanged(const AppendGroup& accepted, const GroupPlace& place,
                                     Statements& statements) {
  std::vector<Call> calls;
  const auto add = [&](const char* text, Parameters parameters) {
    calls.push_back(
        {.sql = statements.of(text, place.month.suffix), .parameters = std::move(parameters)});
  };
  const EventColumns columns(accepted);
  const auto before = accepted.first_position().value - 1;
  Parameters events;
  events.int8(before)
      .timestamptz(place.window.begin)
      .timestamptz(place.window.end)
      .int4(place.month.month.number);
  columns.add_to(events);
  events.uuid(accepted.id_before());
  add(kAddEventsIfUnchanged, std::move(events));
  add_streams(accepted, add);
  add(kAddIds, columns.ids_behind(before, has_given_ids(accepted) ? place.attempt : 0));
  if (columns.rows.has_tags()) {
    Parameters tags;
    tags.int8(before);
    columns.rows.add_tags_to(tags);
    add(kAddTagsOfEvents, std::move(tags));
  }
  return calls;
}

}  // namespace eventstore::postgres
