#include "postgres/group_writer.hpp"

#include <array>
#include <functional>
#include <string_view>
#include <utility>

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
    "INSERT INTO {s}.events_{m} (position, recorded_at, stream_id, version, id, format, "
    "schema_version,"
    " occurred_at, last_of_append, stream, type, tags, metadata, data)"
    " SELECT $1::bigint + a.n, $2::timestamptz, a.s, a.v, a.i, a.f, a.w, a.o, a.l, a.st, a.ty, "
    "a.ta,"
    " a.m, a.d FROM unnest($3::bigint[], $4::bigint[], $5::uuid[], $6::int[], $7::bigint[],"
    " $8::timestamptz[], $9::boolean[], $10::text[], $11::text[], $12::bytea[], $13::bytea[],"
    " $14::bytea[]) WITH ORDINALITY a(s, v, i, f, w, o, l, st, ty, ta, m, d, n)";

constexpr const char* kAddIds =
    "INSERT INTO {s}.event_ids (position, stream_id, version, id) SELECT $1::bigint + a.n, a.s, "
    "a.v,"
    " a.i FROM unnest($2::bigint[], $3::bigint[], $4::uuid[]) WITH ORDINALITY a(s, v, i, n)";

constexpr const char* kAddTags =
    "INSERT INTO {s}.tags_{m} (position, tag, recorded_at) SELECT $1::bigint + a.n, a.t, "
    "$2::timestamptz"
    " FROM unnest($3::bigint[], $4::text[]) a(n, t)";

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

void add_events(const AppendGroup& accepted, const AddCall& add) {
  std::vector<std::uint64_t> streams;
  std::vector<std::uint64_t> versions;
  GroupRows rows;
  for (const auto& one : accepted.events()) {
    streams.push_back(static_cast<std::uint64_t>(one.stream_id));
    versions.push_back(one.version.value);
    rows.add(*one.event, one.last_of_append);
  }
  const auto before = accepted.first_position().value - 1;
  Parameters events;
  events.int8(before).timestamptz(accepted.recorded_at()).int8_array(streams).int8_array(versions);
  rows.add_to(events);
  add(kAddEvents, std::move(events));
  add(kAddIds,
      std::move(Parameters().int8(before).int8_array(streams).int8_array(versions).uuid_array(
          rows.ids())));
  if (!rows.has_tags()) return;
  Parameters tags;
  tags.int8(before).timestamptz(accepted.recorded_at());
  rows.add_tags_to(tags);
  add(kAddTags, std::move(tags));
}

}  // namespace

std::vector<Call> write_calls(const AppendGroup& accepted, Month last_month,
                              const std::string& suffix, Statements& statements) {
  std::vector<Call> calls;
  const auto add = [&](const char* text, Parameters parameters) {
    calls.push_back({.sql = statements.of(text, suffix), .parameters = std::move(parameters)});
  };
  const auto month = Month::of(accepted.recorded_at());
  if (month != last_month) {
    add(kAddMonth, std::move(Parameters()
                                 .int4(month.number)
                                 .int8(accepted.first_position().value)
                                 .boolean(suffix == "default")));
  }
  add_streams(accepted, add);
  add_events(accepted, add);
  return calls;
}

}  // namespace eventstore::postgres
