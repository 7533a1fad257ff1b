#include "postgres/state_lookup.hpp"

#include <array>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "postgres/event_sql.hpp"
#include "postgres/sql_builder.hpp"
#include "postgres/stream_lookup.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kLock = "SELECT pg_advisory_xact_lock($1::int, $2::int)";

// The last month that has events, the newest event, and the server's time.
constexpr const char* kHead =
    "SELECT (SELECT max(month) FROM {s}.months), e.position, e.recorded_at, clock_timestamp()"
    " FROM (VALUES (1)) one LEFT JOIN LATERAL (SELECT position, recorded_at FROM {s}.events_{m}"
    " ORDER BY position DESC LIMIT 1) e ON true";

// The same of the month that is remembered as the last, and the newest event's id. Where the month
// is detached by now, there is none.
constexpr const char* kRememberedHead =
    "SELECT (SELECT max(month) FROM {s}.months), position, recorded_at, clock_timestamp(), id"
    " FROM {s}.events_{m} ORDER BY position DESC LIMIT 1";

// Each stream's key, last month, version in the month asked for, and bounds.
constexpr const char* kStreams =
    "SELECT n.ordinal - 1, s.stream_id, coalesce(l.month, s.month), e.version, b.truncate_before,"
    " b.max_count, b.max_age, b.tombstone"
    " FROM unnest($1::text[]) WITH ORDINALITY n(name, ordinal)"
    " JOIN {s}.streams s ON s.name = n.name"
    " LEFT JOIN LATERAL (SELECT month FROM {s}.stream_months m WHERE m.stream_id = s.stream_id"
    " ORDER BY month DESC LIMIT 1) l ON true"
    " LEFT JOIN LATERAL (SELECT version FROM {s}.events_{m} e WHERE e.stream_id = s.stream_id"
    " ORDER BY version DESC LIMIT 1) e ON true"
    " LEFT JOIN LATERAL (SELECT * FROM {s}.bounds b WHERE b.stream_id = s.stream_id"
    " ORDER BY position DESC LIMIT 1) b ON true";

constexpr const char* kIds =
    "SELECT n.ordinal - 1, i.position, i.version, i.attempt"
    " FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY n(name, id, ordinal)"
    " JOIN {s}.streams s ON s.name = n.name"
    " JOIN {s}.event_ids i ON i.stream_id = s.stream_id AND i.id = n.id";

// The rest of the streams: by month, those whose last event lies in an earlier one.
std::map<Month, std::vector<std::string_view>> take_streams(const Rows& rows,
                                                            std::span<const std::string_view> names,
                                                            StoredState& state) {
  std::map<Month, std::vector<std::string_view>> missing;
  for (int row = 0; row < rows.size(); ++row) {
    const auto name = names[rows.int8(row, 0)];
    auto& stream = state.streams.at(name);
    stream.id = static_cast<StreamId>(rows.int8(row, 1));
    stream.month = {rows.int4(row, 2)};
    stream.version = {rows.int8(row, 3)};
    stream.bounds = bounds_in(rows, row, 4);
    if (stream.month != Month{} && stream.month != state.last_month)
      missing[stream.month].push_back(name);
  }
  return missing;
}

}  // namespace

Call lock_call(const StoreSettings& settings, Statements& statements) {
  return {.sql = statements.of(kLock),
          .parameters = std::move(
              Parameters().int4(kLockClass).int4(static_cast<std::int32_t>(settings.lock_key)))};
}

Answer<Rows> StateLookup::run(const char* text, Parameters parameters) {
  return connection_.run({.sql = statements_.of(text), .parameters = std::move(parameters)},
                         deadline_);
}

Answer<StoredState> StateLookup::look(std::span<Pending* const> group, bool made_ids_too) {
  std::set<std::string_view> names;
  for (const auto* pending : group) {
    for (const auto& event : pending->append.events()) {
      names.insert(event.event->stream);
      if (event.stated) names.insert(event.stated->stream);
    }
    for (const auto& check : pending->append.checks()) names.insert(check.stream);
  }
  const std::vector<std::string_view> wanted(names.begin(), names.end());

  auto months = months_.list();
  const std::string suffix = months->empty() ? "default" : months->months.back().suffix;
  const std::array calls = {
      Call{.sql = "BEGIN"}, lock_call(settings_, statements_),
      Call{.sql = statements_.of(kHead, suffix)},
      Call{.sql = statements_.of(kStreams, suffix), .parameters = Parameters().text_array(wanted)}};
  auto rows = connection_.run(calls, deadline_);
  if (!rows) return std::unexpected(std::move(rows).error());

  StoredState state;
  for (const auto name : wanted) state.streams.emplace(name, StoredStream{});
  const auto* head = &(*rows)[2];
  const auto* streams = &(*rows)[3];
  state.last_month = {head->int4(0, 0)};
  // Another process has begun a month: what was looked at is not the last one.
  if (state.last_month != months->last()) {
    auto loaded = months_.load(connection_, settings_.schema, deadline_);
    if (!loaded) return std::unexpected(std::move(loaded).error());
    months = *loaded;
    const auto& last = months->months.back().suffix;
    const std::array again = {
        Call{.sql = statements_.of(kHead, last)},
        Call{.sql = statements_.of(kStreams, last), .parameters = Parameters().text_array(wanted)}};
    rows = connection_.run(again, deadline_);
    if (!rows) return std::unexpected(std::move(rows).error());
    head = rows->data();
    streams = &(*rows)[1];
  }
  state.now = head->timestamptz(0, 3);
  if (!head->is_null(0, 1)) {
    state.head = {head->int8(0, 1)};
    state.recorded_at = head->timestamptz(0, 2);
  }
  auto missing = take_streams(*streams, wanted, state);
  // Streams whose last event lies in an earlier month.
  for (const auto& [month, of_month] : missing) {
    const auto* stored = months->find(month);
    if (stored == nullptr) continue;
    if (auto found = look_up_versions(*stored, of_month, state); !found) {
      return std::unexpected(std::move(found).error());
    }
  }
  if (auto found = look_up_ids(group, made_ids_too, state); !found) {
    return std::unexpected(std::move(found).error());
  }
  if (auto found = find_matches(group, *months, state); !found) {
    return std::unexpected(std::move(found).error());
  }
  return state;
}

Answer<bool> StateLookup::confirm(StoredState& state) {
  const auto months = months_.list();
  const auto* month = months->find(state.last_month);
  if (month == nullptr) return false;
  const std::array calls = {Call{.sql = "BEGIN"}, lock_call(settings_, statements_),
                            Call{.sql = statements_.of(kRememberedHead, month->suffix)}};
  auto rows = connection_.run(calls, deadline_);
  if (!rows && !is_detached(rows.error())) return std::unexpected(std::move(rows).error());
  if (rows && !rows->back().empty()) {
    const auto& head = rows->back();
    if (Month{head.int4(0, 0)} == state.last_month && head.int8(0, 1) == state.head.value &&
        head.uuid(0, 4) == state.head_id) {
      state.recorded_at = head.timestamptz(0, 2);
      state.now = head.timestamptz(0, 3);
      return true;
    }
  }
  auto ended = connection_.run({.sql = "ROLLBACK"}, deadline_);
  if (!ended) return std::unexpected(std::move(ended).error());
  return false;
}

Answer<void> StateLookup::look_up_versions(const StoredMonth& month,
                                           std::span<const std::string_view> names,
                                           StoredState& state) {
  const auto rows = connection_.run(
      {.sql = statements_.of(kStreams, month.suffix), .parameters = Parameters().text_array(names)},
      deadline_);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    state.streams.at(names[rows->int8(row, 0)]).version = {rows->int8(row, 3)};
  }
  return {};
}

Answer<void> StateLookup::look_up_ids(std::span<Pending* const> group, bool made_ids_too,
                                      StoredState& state) {
  std::vector<std::string_view> streams;
  std::vector<Uuid> ids;
  for (const auto* pending : group) {
    for (const auto& event : pending->append.events()) {
      if (!event.given_id && !made_ids_too) continue;
      if (state.streams.at(event.event->stream).id == 0) continue;
      streams.push_back(event.event->stream);
      ids.push_back(event.id);
    }
  }
  if (ids.empty()) return {};
  const auto rows = run(kIds, Parameters().text_array(streams).uuid_array(ids));
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    const auto ordinal = rows->int8(row, 0);
    state.ids.insert_or_assign({streams[ordinal], ids[ordinal]},
                               StoredId{.location = {{rows->int8(row, 1)}, {rows->int8(row, 2)}},
                                        .attempt = rows->int8(row, 3)});
  }
  return {};
}

Answer<void> StateLookup::find_matches(std::span<Pending* const> group, const MonthList& months,
                                       StoredState& state) {
  for (std::size_t index = 0; index < group.size(); ++index) {
    const auto& condition = group[index]->append.condition();
    if (!condition || condition->after >= state.head) continue;
    const Selector selector = condition->query;
    const EventSelection selection{.selector = &selector,
                                   .first = condition->after.value + 1,
                                   .last = state.head.value,
                                   .limit = 1,
                                   .deleted_up_to = state.head,
                                   .strict = true};
    for (auto month = months.ordinal_of({selection.first}); month < months.months.size(); ++month) {
      const auto statement =
          positions_sql(selection, settings_.schema, months.months[month].suffix);
      const auto rows = postgres::run(connection_, statement, deadline_);
      if (!rows) return std::unexpected(rows.error());
      if (rows->empty()) continue;
      state.matches.emplace(index, GlobalPosition{rows->int8(0, 0)});
      break;
    }
  }
  return {};
}

}  // namespace eventstore::postgres
