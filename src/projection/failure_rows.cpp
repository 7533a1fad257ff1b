#include "projection/failure_rows.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "projection/projection_rows.hpp"
#include "projection/state_names.hpp"

namespace eventstore::projection {
namespace {

constexpr const char* kNote =
    "INSERT INTO state_projection_failures (projection, position, stream, type, attempts, error,"
    " state, first_at, last_at, generation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)"
    " ON CONFLICT (generation, position) DO UPDATE SET attempts = excluded.attempts,"
    " error = excluded.error, state = excluded.state, last_at = excluded.last_at";
constexpr const char* kCount =
    "INSERT INTO state_projection_failure_hours (projection, hour, failed, retries)"
    " VALUES ($1, $2, $3, $4) ON CONFLICT (projection, hour) DO UPDATE SET"
    " failed = state_projection_failure_hours.failed + excluded.failed,"
    " retries = state_projection_failure_hours.retries + excluded.retries";
constexpr const char* kSetState =
    "UPDATE state_projection_failures SET state = $3 WHERE generation = $1 AND position = $2";
constexpr const char* kListOpen =
    "SELECT position FROM state_projection_failures WHERE generation = $1 AND position > $2"
    " AND state IN ('retrying', 'stopped')";
constexpr const char* kRemoveHours =
    "DELETE FROM state_projection_failure_hours WHERE projection = $1";
constexpr const char* kList =
    "SELECT projection, position, stream, type, attempts, error, state, first_at, last_at"
    " FROM state_projection_failures WHERE $1 = '' OR projection = $1"
    " ORDER BY last_at DESC, position DESC LIMIT $2";
constexpr const char* kListHours =
    "SELECT hour, sum(failed), sum(retries) FROM state_projection_failure_hours"
    " WHERE $1 = '' OR projection = $1 GROUP BY hour ORDER BY hour DESC LIMIT $2";
constexpr const char* kCountOpen =
    "SELECT count(*) FROM state_projection_failures WHERE generation = $1"
    " AND state IN ('parked', 'skipped', 'stopped')";

std::int64_t limit_of(std::uint64_t limit) {
  return static_cast<std::int64_t>(
      std::min<std::uint64_t>(limit, std::numeric_limits<std::int64_t>::max()));
}

}  // namespace

Result<void> note_attempt(StateTransaction& transaction, std::int64_t generation,
                          const ProjectionFailure& failure) {
  const auto now = transaction.now();
  const auto noted =
      transaction.run(kNote, {failure.projection, sql_number(failure.position), failure.stream,
                              failure.type, std::int64_t{failure.attempts}, failure.error,
                              to_string(failure.state), sql_number(now), generation});
  if (!noted) return std::unexpected(noted.error());
  const auto hour = std::chrono::floor<std::chrono::hours>(now);
  const bool is_first = failure.attempts <= 1;
  const auto counted = transaction.run(kCount, {failure.projection, sql_number(Timestamp(hour)),
                                                std::int64_t{is_first}, std::int64_t{!is_first}});
  if (!counted) return std::unexpected(counted.error());
  return {};
}

Result<std::set<GlobalPosition>> open_failures(StateTransaction& transaction,
                                               std::int64_t generation, GlobalPosition after) {
  const auto rows = transaction.run(kListOpen, {generation, sql_number(after)});
  if (!rows) return std::unexpected(rows.error());
  std::set<GlobalPosition> positions;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    positions.insert(rows->position(row, 0));
  }
  return positions;
}

Result<void> set_failure_state(StateTransaction& transaction, std::int64_t generation,
                               GlobalPosition position, FailureState state) {
  const auto set = transaction.run(kSetState, {generation, sql_number(position), to_string(state)});
  if (!set) return std::unexpected(set.error());
  return {};
}

Result<void> remove_failure_hours(StateTransaction& transaction, std::string_view projection) {
  const auto removed = transaction.run(kRemoveHours, {projection});
  if (!removed) return std::unexpected(removed.error());
  return {};
}

Result<std::vector<ProjectionFailure>> list_failures(StateTransaction& transaction,
                                                     std::string_view projection,
                                                     std::uint64_t limit) {
  const auto rows = transaction.run(kList, {projection, limit_of(limit)});
  if (!rows) return std::unexpected(rows.error());
  std::vector<ProjectionFailure> failures;
  failures.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    const auto state = parse_failure_state(rows->text(row, 6));
    if (!state) {
      return std::unexpected(
          Error{.code = ErrorCode::Corruption,
                .message = "the state database has a failed event in the state \"" +
                           std::string(rows->text(row, 6)) + '"'});
    }
    failures.push_back({.projection = std::string(rows->text(row, 0)),
                        .position = rows->position(row, 1),
                        .stream = std::string(rows->text(row, 2)),
                        .type = std::string(rows->text(row, 3)),
                        .attempts = static_cast<std::uint32_t>(rows->integer(row, 4)),
                        .error = std::string(rows->text(row, 5)),
                        .state = *state,
                        .first_at = rows->time(row, 7),
                        .last_at = rows->time(row, 8)});
  }
  return failures;
}

Result<std::vector<FailureHour>> list_failure_hours(StateTransaction& transaction,
                                                    std::string_view projection,
                                                    std::uint64_t limit) {
  const auto rows = transaction.run(kListHours, {projection, limit_of(limit)});
  if (!rows) return std::unexpected(rows.error());
  std::vector<FailureHour> hours;
  hours.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    hours.push_back({.hour = rows->time(row, 0),
                     .failed = static_cast<std::uint64_t>(rows->integer(row, 1)),
                     .retries = static_cast<std::uint64_t>(rows->integer(row, 2))});
  }
  return hours;
}

Result<std::uint64_t> count_failures(StateTransaction& transaction, std::int64_t generation) {
  const auto rows = transaction.run(kCountOpen, {generation});
  if (!rows) return std::unexpected(rows.error());
  return static_cast<std::uint64_t>(rows->integer(0, 0));
}

}  // namespace eventstore::projection
