#include "postgres/scavenge.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "postgres/first_since.hpp"
#include "postgres/sql_builder.hpp"

namespace eventstore::postgres {
namespace {

// Held by the session that scavenges: "EVSS" and the schema's object id.
constexpr const char* kTryLock = "SELECT pg_try_advisory_lock(x'45565353'::int, $1::int)";
constexpr const char* kUnlock = "SELECT pg_advisory_unlock(x'45565353'::int, $1::int)";

// Streams that something may be deleted of, in the order of their names.
constexpr const char* kTargets =
    "SELECT name FROM {s}.streams s WHERE name > $1::text AND EXISTS (SELECT FROM {s}.bounds b"
    " WHERE b.stream_id = s.stream_id) ORDER BY name LIMIT 1000";

// The next events of a stream to go, oldest first, some 64 KiB of them; what is no husk yet.
constexpr const char* kSome =
    "SELECT position, version, bytes, recorded_at >= $4::timestamptz FROM (SELECT position, "
    "version,"
    " recorded_at, bytes, sum(bytes) OVER (ORDER BY version) - bytes AS before FROM (SELECT "
    "position,"
    " version, recorded_at, (128 + octet_length(stream) + octet_length(type) + octet_length(tags) +"
    " octet_length(metadata) + octet_length(data))::bigint AS bytes FROM {s}.events_{m} WHERE "
    "stream_id"
    " = $1::bigint AND version < $2::bigint AND position < $3::bigint AND format <> 0"
    " ORDER BY version LIMIT 1000) e) s WHERE before < 65536 ORDER BY version";

// What dry runs count: all of them.
constexpr const char* kAll =
    "SELECT count(*) FILTER (WHERE version = $5::bigint OR recorded_at >= $4::timestamptz),"
    " count(*) FILTER (WHERE version <> $5::bigint AND recorded_at < $4::timestamptz),"
    " coalesce(sum(128 + octet_length(stream) + octet_length(type) + octet_length(tags) +"
    " octet_length(metadata) + octet_length(data)), 0)::bigint FROM {s}.events_{m} WHERE stream_id "
    "="
    " $1::bigint AND version < $2::bigint AND position < $3::bigint AND format <> 0";

constexpr const char* kDeleteTags =
    "DELETE FROM {s}.tags_{m} t USING (SELECT position, unnest({s}.decode_tags(tags)) AS tag FROM"
    " {s}.events_{m} WHERE position = ANY($1::bigint[])) d WHERE t.tag = d.tag AND t.position ="
    " d.position";
constexpr const char* kDelete =
    "DELETE FROM {s}.events_{m} WHERE stream_id = $1::bigint AND version = ANY($2::bigint[])";
constexpr const char* kReduce =
    "UPDATE {s}.events_{m} SET format = 0, type = '', tags = '', metadata = '', data = ''"
    " WHERE stream_id = $1::bigint AND version = $2::bigint";

// Ids that are too old to be remembered, of events that are gone: not of those in detached months.
constexpr const char* kForget =
    "DELETE FROM {s}.event_ids WHERE stream_id = $1::bigint AND version < $2::bigint AND version <>"
    " $3::bigint AND position <= $4::bigint AND NOT EXISTS (SELECT FROM {s}.detached_months d"
    " WHERE position BETWEEN d.first_position AND d.last_position)";

constexpr const char* kTimeAt =
    "SELECT recorded_at FROM {s}.events_{m} WHERE position >= $1::bigint ORDER BY position LIMIT 1";

constexpr const char* kBytes =
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
    " WHERE c.relnamespace = to_regnamespace($1::text) AND c.relkind = 'r'";

}  // namespace

Result<void> Scavenge::still_wanted() const {
  if (options_.cancellation.stop_requested()) {
    return std::unexpected(Error{.code = ErrorCode::Cancelled,
                                 .message = "scavenging was stopped; the next one goes on"});
  }
  if (settings_.stop.stop_requested()) {
    return std::unexpected(
        Error{.code = ErrorCode::Closed, .message = "the store is being closed"});
  }
  return {};
}

Result<void> Scavenge::begin() {
  // The lock is of a session, which a pooler would give to others.
  const bool is_pooled = !settings_.connection.prepares;
  if (is_pooled && settings_.listening.uri.empty()) {
    return std::unexpected(
        Error{.code = ErrorCode::Unsupported,
              .message = "scavenging needs a session of its own, which the pooler does not give;"
                         " name the server itself in the store URL's listen"});
  }
  auto opened =
      Connection::open(is_pooled ? settings_.listening : settings_.connection, patience());
  if (!opened) return std::unexpected(to_error(opened.error()));
  connection_ = *std::move(opened);
  if (options_.dry_run) return {};
  const auto locked = connection_->run(
      {.sql = kTryLock,
       .parameters = Parameters().int4(static_cast<std::int32_t>(settings_.lock_key))},
      patience());
  if (!locked) return std::unexpected(to_error(locked.error()));
  if (locked->boolean(0, 0)) return {};
  return std::unexpected(
      Error{.code = ErrorCode::Overloaded,
            .message = "the store is being scavenged by another process; try again later"});
}

Result<ScavengeReport> Scavenge::run() {
  if (auto begun = begin(); !begun) return std::unexpected(std::move(begun).error());
  auto report = run_alone();
  // The server takes a while to see that a connection was closed: the next one need not wait.
  if (!options_.dry_run && !connection_->is_lost()) {
    const Parameters key = Parameters().int4(static_cast<std::int32_t>(settings_.lock_key));
    static_cast<void>(connection_->run({.sql = kUnlock, .parameters = key}, patience()));
  }
  return report;
}

Result<ScavengeReport> Scavenge::run_alone() {
  const auto bytes = connection_->run(
      {.sql = kBytes, .parameters = Parameters().text(settings_.schema)}, patience());
  if (!bytes) return std::unexpected(to_error(bytes.error()));
  report_.bytes = bytes->int8(0, 0);
  const auto seen = ReadPlanner(settings_, months_, *connection_, patience()).look();
  if (!seen) return std::unexpected(to_error(seen.error()));
  const auto old = last_before(*seen, before(seen->now, options_.id_retention));
  if (!old) return std::unexpected(to_error(old.error()));
  forgotten_ = *old;
  const auto found = targets(*seen);
  if (!found) return std::unexpected(to_error(found.error()));
  for (const auto& target : *found) {
    if (auto freed = free(*seen, target); !freed) return std::unexpected(std::move(freed).error());
  }
  if (options_.on_progress) options_.on_progress({.position = seen->head, .head = seen->head});
  return report_;
}

// A position before which all that is left, and so all that is gone, was recorded before `time`;
// the greatest such one but for holes. Times grow with positions.
Answer<GlobalPosition> Scavenge::last_before(const SeenHead& seen, Timestamp time) {
  const auto& months = seen.months->months;
  const auto end = std::ranges::upper_bound(months, Month::of(time), {}, &StoredMonth::month);
  if (end == months.begin()) return GlobalPosition{0};
  const auto& month = *std::prev(end);
  const auto sql = fill_in(kTimeAt, settings_.schema, month.suffix);
  auto old = month.first_position.value - 1;
  auto young = end == months.end() ? seen.head.value + 1 : end->first_position.value;
  while (young - old > 1) {
    const auto middle = old + (young - old) / 2;
    const auto rows =
        connection_->run({.sql = sql, .parameters = Parameters().int8(middle)}, patience());
    if (!rows) return std::unexpected(rows.error());
    (!rows->empty() && rows->timestamptz(0, 0) < time ? old : young) = middle;
  }
  return GlobalPosition{old};
}

Answer<std::vector<Scavenge::Target>> Scavenge::targets(const SeenHead& seen) {
  const auto sql = fill_in(kTargets, settings_.schema);
  std::vector<Target> found;
  std::string after;
  for (;;) {
    const auto rows =
        connection_->run({.sql = sql, .parameters = Parameters().text(after)}, patience());
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) return found;
    std::vector<std::string_view> names;
    names.reserve(static_cast<std::size_t>(rows->size()));
    for (int row = 0; row < rows->size(); ++row) names.push_back(rows->text(row, 0));
    StreamLookup lookup(settings_, *connection_, seen, patience());
    auto streams = lookup.streams(names);
    if (!streams) return std::unexpected(std::move(streams).error());
    for (std::size_t index = 0; index < names.size(); ++index) {
      auto& stream = (*streams)[index];
      if (stream.version.value == 0) continue;
      // A tombstone stays: it is what says so.
      auto first = stream.bounds.tombstone;
      if (!stream.bounds.is_tombstoned()) {
        const auto readable = lookup.first_readable(stream);
        if (!readable) return std::unexpected(readable.error());
        first = *readable;
      }
      found.push_back({.name = std::string(names[index]),
                       .stream = std::move(stream),
                       .first_readable = first});
    }
    after = names.back();
  }
}

Result<void> Scavenge::free(const SeenHead& seen, const Target& target) {
  for (const auto& part : target.stream.parts) {
    if (part.first_version >= target.first_readable) break;
    const auto* month = seen.months->find(part.month);
    if (month == nullptr) continue;
    for (;;) {
      if (auto wanted = still_wanted(); !wanted) return wanted;
      const auto more = free_some(seen, target, month->suffix);
      if (!more && is_detached(more.error())) break;  // its events are not here
      if (!more) return std::unexpected(to_error(more.error()));
      if (!*more) break;
    }
  }
  if (options_.dry_run) return {};
  const auto forgotten = forget_ids(target);
  if (!forgotten) return std::unexpected(to_error(forgotten.error()));
  return {};
}

// False: there is nothing more of the stream in that month.
Answer<bool> Scavenge::free_some(const SeenHead& seen, const Target& target,
                                 const std::string& suffix) {
  const auto stream = static_cast<std::uint64_t>(target.stream.id);
  const auto young = before(seen.now, options_.id_retention);
  const auto which = [&] {
    return std::move(Parameters()
                         .int8(stream)
                         .int8(target.first_readable.value)
                         .int8(seen.head.value)
                         .timestamptz(young));
  };
  if (options_.dry_run) {
    const auto sql = fill_in(kAll, settings_.schema, suffix);
    auto parameters = which();
    parameters.int8(target.stream.version.value);
    const auto rows = connection_->run({.sql = sql, .parameters = parameters}, patience());
    if (!rows) return std::unexpected(rows.error());
    report_.events_reduced += rows->int8(0, 0);
    report_.events_removed += rows->int8(0, 1);
    report_.bytes_freed += rows->int8(0, 2);
    return false;
  }
  const auto some = fill_in(kSome, settings_.schema, suffix);
  const auto rows = connection_->run({.sql = some, .parameters = which()}, patience());
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return false;
  std::vector<std::uint64_t> positions;
  std::vector<std::uint64_t> versions;
  std::vector<Call> calls;
  const auto reduce = fill_in(kReduce, settings_.schema, suffix);
  const auto remove = fill_in(kDelete, settings_.schema, suffix);
  const auto remove_tags = fill_in(kDeleteTags, settings_.schema, suffix);
  std::uint64_t bytes = 0;
  std::uint64_t reduced = 0;
  for (int row = 0; row < rows->size(); ++row) {
    const auto version = rows->int8(row, 1);
    const bool is_last = version == target.stream.version.value;
    positions.push_back(rows->int8(row, 0));
    bytes += rows->int8(row, 2);
    if (is_last || rows->boolean(row, 3)) ++reduced;
    if (is_last) {
      calls.push_back({.sql = reduce, .parameters = Parameters().int8(stream).int8(version)});
    } else {
      versions.push_back(version);
    }
  }
  calls.insert(calls.begin(),
               Call{.sql = remove_tags, .parameters = Parameters().int8_array(positions)});
  if (!versions.empty()) {
    calls.push_back({.sql = remove, .parameters = Parameters().int8(stream).int8_array(versions)});
  }
  const auto done = connection_->run(calls, patience());
  if (!done) return std::unexpected(done.error());
  report_.events_reduced += reduced;
  // What is to be forgotten at once is counted where it is.
  report_.bytes_freed += bytes;
  if (options_.on_progress) {
    options_.on_progress({.position = {positions.back()}, .head = seen.head});
  }
  return true;
}

Answer<void> Scavenge::forget_ids(const Target& target) {
  const auto sql = fill_in(kForget, settings_.schema);
  const auto done =
      connection_->run({.sql = sql,
                        .parameters = Parameters()
                                          .int8(static_cast<std::uint64_t>(target.stream.id))
                                          .int8(target.first_readable.value)
                                          .int8(target.stream.version.value)
                                          .int8(forgotten_.value)},
                       patience());
  if (!done) return std::unexpected(done.error());
  report_.events_removed += done->affected();
  return {};
}

}  // namespace eventstore::postgres
