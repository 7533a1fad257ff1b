#include "postgres/first_since.hpp"

#include "core/time_range.hpp"
#include "postgres/sql_builder.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kFirstSince =
    "SELECT coalesce((SELECT e.version FROM {s}.events e WHERE e.stream_id = $1::bigint"
    " AND e.recorded_at >= $2::timestamptz ORDER BY e.version LIMIT 1),"
    " (SELECT max(e.version) + 1 FROM {s}.events e WHERE e.stream_id = $1::bigint), 1)";

}  // namespace

Timestamp before(Timestamp time, std::chrono::seconds age) {
  // What the server can say of times is more than events can have.
  const auto most = std::chrono::floor<std::chrono::seconds>(time - kTimestampMin);
  return age > most ? Timestamp(kTimestampMin) : time - age;
}

Answer<StreamVersion> first_since(Connection& connection, const StoreSettings& settings,
                                  StreamId stream, Timestamp oldest, Deadline deadline) {
  const auto sql = fill_in(kFirstSince, settings.schema);
  const auto rows = connection.run(
      {.sql = sql,
       .parameters = Parameters().int8(static_cast<std::uint64_t>(stream)).timestamptz(oldest)},
      deadline);
  if (!rows) return std::unexpected(rows.error());
  return StreamVersion{rows->int8(0, 0)};
}

}  // namespace eventstore::postgres
