#include "postgres/first_since.hpp"

#include "core/time_range.hpp"
#include "postgres/months.hpp"
#include "postgres/sql_builder.hpp"

namespace eventstore::postgres {
namespace {

// Of what lies in detached months the times are not known: such a month is taken whole, if any of
// it may be young.
constexpr const char* kFirstSince = R"(
WITH detached AS (
  SELECT of_stream.month, of_stream.first_version
  FROM (
    SELECT month, 1 AS first_version FROM {s}.streams WHERE stream_id = $1::bigint
    UNION ALL
    SELECT month, first_version FROM {s}.stream_months WHERE stream_id = $1::bigint
  ) of_stream
  JOIN {s}.months m ON m.month = of_stream.month AND m.detached_at IS NOT NULL
)
SELECT least(
  (SELECT min(first_version) FROM detached WHERE month >= $3::integer),
  coalesce(
    (
      SELECT e.version
      FROM {s}.events e
      WHERE e.stream_id = $1::bigint AND e.recorded_at >= $2::timestamptz
      ORDER BY e.version
      LIMIT 1
    ),
    greatest(
      (SELECT max(e.version) FROM {s}.events e WHERE e.stream_id = $1::bigint),
      CASE WHEN EXISTS (SELECT FROM detached) THEN
        (SELECT max(i.version) FROM {s}.event_ids i WHERE i.stream_id = $1::bigint)
      END
    ) + 1,
    1
  )
)
)";

}  // namespace

Timestamp before(Timestamp time, std::chrono::seconds age) {
  // What the server can say of times is more than events can have.
  const auto most = std::chrono::floor<std::chrono::seconds>(time - kTimestampMin);
  return age > most ? Timestamp(kTimestampMin) : time - age;
}

Answer<StreamVersion> first_since(Connection& connection, const StoreSettings& settings,
                                  StreamId stream, Timestamp oldest, Deadline deadline) {
  const auto sql = fill_in(kFirstSince, settings.schema);
  const auto rows = connection.run({.sql = sql,
                                    .parameters = Parameters()
                                                      .int8(static_cast<std::uint64_t>(stream))
                                                      .timestamptz(oldest)
                                                      .int4(Month::of(oldest).number)},
                                   deadline);
  if (!rows) return std::unexpected(rows.error());
  return StreamVersion{rows->int8(0, 0)};
}

}  // namespace eventstore::postgres
