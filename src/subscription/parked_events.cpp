#include "subscription/parked_events.hpp"

#include <algorithm>
#include <utility>

#include "core/utf8.hpp"
#include "subscription/group_settings.hpp"
#include "subscription/group_tables.hpp"

namespace eventstore::subscription {
namespace {

constexpr std::size_t kReasonBytesMax = std::size_t{8} << 10;

constexpr const char* kPark =
    "INSERT INTO state_group_parked (group_name, position, stream, version, type, key, bucket,"
    " attempts, last_error, parked_at, replays) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
    " $11) ON CONFLICT (group_name, position) DO UPDATE SET attempts = excluded.attempts,"
    " last_error = excluded.last_error, parked_at = excluded.parked_at, replays = excluded.replays";
constexpr const char* kUnpark =
    "DELETE FROM state_group_parked WHERE group_name = $1 AND position = $2";
constexpr const char* kList =
    "SELECT position, stream, version, type, key, attempts, last_error, parked_at, replays"
    " FROM state_group_parked WHERE group_name = $1 AND position > $2 ORDER BY position LIMIT $3";
constexpr const char* kCount = "SELECT count(*) FROM state_group_parked WHERE group_name = $1";
constexpr const char* kKeys =
    "SELECT DISTINCT p.key FROM state_group_parked p JOIN state_group_buckets b"
    " ON b.group_name = p.group_name AND b.bucket = p.bucket"
    " WHERE p.group_name = $1 AND b.member = $2";
constexpr const char* kOfKey =
    "SELECT count(*), min(position), min(replays) FROM state_group_parked"
    " WHERE group_name = $1 AND bucket = $2 AND key = $3";
constexpr const char* kCancelReplays =
    "UPDATE state_group_parked SET replays = 0"
    " WHERE group_name = $1 AND bucket = $2 AND key = $3 AND position > $4 AND replays = 1";
constexpr const char* kReplays =
    "SELECT p.position, p.bucket, p.attempts FROM state_group_parked p JOIN state_group_buckets b"
    " ON b.group_name = p.group_name AND b.bucket = p.bucket"
    " WHERE p.group_name = $1 AND p.replays = 1 AND b.member = $2 ORDER BY p.position LIMIT $3";
constexpr const char* kMarkReplay =
    "UPDATE state_group_parked SET replays = 1 WHERE group_name = $1 AND position = $2";
constexpr const char* kMarkAllReplays =
    "UPDATE state_group_parked SET replays = 1 WHERE group_name = $1";

Result<std::uint64_t> run_for_positions(StateTransaction& transaction, std::string_view sql,
                                        std::string_view group,
                                        std::span<const GlobalPosition> positions) {
  if (positions.empty()) return 0;
  // Each once: what is changed is counted.
  const std::set<GlobalPosition> distinct(positions.begin(), positions.end());
  std::vector<std::vector<SqlParameter>> rows;
  rows.reserve(distinct.size());
  for (const auto position : distinct) rows.push_back({group, sql_number(position)});
  return transaction.run_each(sql, rows);
}

}  // namespace

std::string storable_reason(std::string_view reason) {
  return storable_text(reason, kReasonBytesMax);
}

Result<void> park(StateTransaction& transaction, std::string_view group, const ParkedEvent& event) {
  auto parked = transaction.run(
      kPark, {group, sql_number(event.position), event.stream,
              static_cast<std::int64_t>(event.version.value), event.type, event.key,
              std::int64_t{bucket_of(event.key)}, std::int64_t{event.attempts}, event.last_error,
              sql_number(transaction.now()), std::int64_t{event.is_to_be_replayed ? 1 : 0}});
  if (!parked) return std::unexpected(std::move(parked).error());
  return {};
}

Result<bool> unpark(StateTransaction& transaction, std::string_view group,
                    GlobalPosition position) {
  const auto removed = transaction.run(kUnpark, {group, sql_number(position)});
  if (!removed) return std::unexpected(removed.error());
  return removed->changed() > 0;
}

Result<std::vector<ParkedEvent>> list_parked(StateTransaction& transaction, std::string_view group,
                                             GlobalPosition after, std::uint64_t limit) {
  constexpr std::uint64_t kLimitMax = std::uint64_t{1} << 62;
  const auto rows = transaction.run(
      kList, {group, sql_number(after), static_cast<std::int64_t>(std::min(limit, kLimitMax))});
  if (!rows) return std::unexpected(rows.error());
  std::vector<ParkedEvent> events;
  events.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    events.push_back({.position = rows->position(row, 0),
                      .stream = std::string(rows->text(row, 1)),
                      .version = {static_cast<std::uint64_t>(rows->integer(row, 2))},
                      .type = std::string(rows->text(row, 3)),
                      .key = std::string(rows->text(row, 4)),
                      .attempts = static_cast<std::uint32_t>(rows->integer(row, 5)),
                      .last_error = std::string(rows->text(row, 6)),
                      .parked_at = rows->time(row, 7),
                      .is_to_be_replayed = rows->integer(row, 8) == 1});
  }
  return events;
}

Result<std::uint64_t> count_parked(StateTransaction& transaction, std::string_view group) {
  const auto rows = transaction.run(kCount, {group});
  if (!rows) return std::unexpected(rows.error());
  return static_cast<std::uint64_t>(rows->integer(0, 0));
}

Result<std::set<std::string>> parked_keys(StateTransaction& transaction, std::string_view group,
                                          std::string_view member) {
  const auto rows = transaction.run(kKeys, {group, member});
  if (!rows) return std::unexpected(rows.error());
  std::set<std::string> keys;
  for (std::size_t row = 0; row < rows->size(); ++row) keys.emplace(rows->text(row, 0));
  return keys;
}

Result<std::optional<ParkedOfKey>> parked_of_key(StateTransaction& transaction,
                                                 std::string_view group, std::string_view key) {
  const auto rows = transaction.run(kOfKey, {group, std::int64_t{bucket_of(key)}, key});
  if (!rows) return std::unexpected(rows.error());
  if (rows->integer(0, 0) == 0) return std::nullopt;
  return ParkedOfKey{.first = rows->position(0, 1), .all_replay = rows->integer(0, 2) == 1};
}

Result<void> cancel_replays_after(StateTransaction& transaction, std::string_view group,
                                  std::string_view key, GlobalPosition position) {
  auto done = transaction.run(kCancelReplays,
                              {group, std::int64_t{bucket_of(key)}, key, sql_number(position)});
  if (!done) return std::unexpected(std::move(done).error());
  return {};
}

Result<std::vector<ReplayRow>> list_replays(StateTransaction& transaction, std::string_view group,
                                            std::string_view member, std::size_t limit) {
  const auto rows = transaction.run(kReplays, {group, member, static_cast<std::int64_t>(limit)});
  if (!rows) return std::unexpected(rows.error());
  std::vector<ReplayRow> replays;
  replays.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    replays.push_back({.position = rows->position(row, 0),
                       .bucket = static_cast<std::uint32_t>(rows->integer(row, 1)),
                       .attempts = static_cast<std::uint32_t>(rows->integer(row, 2))});
  }
  return replays;
}

Result<std::uint64_t> mark_replays(StateTransaction& transaction, std::string_view group,
                                   std::span<const GlobalPosition> positions) {
  return run_for_positions(transaction, kMarkReplay, group, positions);
}

Result<std::uint64_t> mark_all_replays(StateTransaction& transaction, std::string_view group) {
  const auto marked = transaction.run(kMarkAllReplays, {group});
  if (!marked) return std::unexpected(marked.error());
  return marked->changed();
}

Result<std::uint64_t> discard_parked(StateTransaction& transaction, std::string_view group,
                                     std::span<const GlobalPosition> positions) {
  return run_for_positions(transaction, kUnpark, group, positions);
}

}  // namespace eventstore::subscription
