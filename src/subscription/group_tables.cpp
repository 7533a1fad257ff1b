#include "subscription/group_tables.hpp"

#include <chrono>
#include <initializer_list>
#include <utility>

#include "eventstore/consumer_group.hpp"

namespace eventstore::subscription {
namespace {

constexpr const char* kAddGroup =
    "INSERT INTO state_groups (name, id, settings, start_position, stopped, parked_changes,"
    " created_at) VALUES ($1, $2, $3, $4, NULL, 0, $5) ON CONFLICT (name) DO NOTHING";
constexpr const char* kAddBucket =
    "INSERT INTO state_group_buckets (group_name, bucket, position, attempts, member)"
    " VALUES ($1, $2, $3, 0, NULL)";
constexpr const char* kFindGroup =
    "SELECT id, settings, start_position, stopped, parked_changes FROM state_groups"
    " WHERE name = $1";
constexpr const char* kGroupNames = "SELECT name FROM state_groups ORDER BY name";
constexpr const char* kSetStopped = "UPDATE state_groups SET stopped = $2 WHERE name = $1";
constexpr const char* kResume = "UPDATE state_groups SET stopped = NULL WHERE name = $1";
constexpr const char* kNoteParkedChange =
    "UPDATE state_groups SET parked_changes = parked_changes + 1 WHERE name = $1";

constexpr const char* kAddMember =
    "INSERT INTO state_group_members (group_name, id, name, position, joined_at, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6)";
constexpr const char* kRenewMember =
    "UPDATE state_group_members SET position = $3, expires_at = $4"
    " WHERE group_name = $1 AND id = $2";
constexpr const char* kListMembers =
    "SELECT id, name, position, expires_at FROM state_group_members WHERE group_name = $1"
    " ORDER BY joined_at, id";
constexpr const char* kRemoveMember =
    "DELETE FROM state_group_members WHERE group_name = $1 AND id = $2";
constexpr const char* kFreeBuckets =
    "UPDATE state_group_buckets SET member = NULL WHERE group_name = $1 AND member = $2";

constexpr const char* kListBuckets =
    "SELECT bucket, position, attempts, member FROM state_group_buckets"
    " WHERE group_name = $1 AND (member = $2 OR member IS NULL) ORDER BY bucket";
constexpr const char* kTakeBucket =
    "UPDATE state_group_buckets SET member = $2"
    " WHERE group_name = $1 AND bucket = $3 AND member IS NULL";
constexpr const char* kStoreProgress =
    "UPDATE state_group_buckets SET position = $4, attempts = $5"
    " WHERE group_name = $1 AND bucket = $3 AND member = $2";
constexpr const char* kGiveBucket =
    "UPDATE state_group_buckets SET position = $4, attempts = $5, member = NULL"
    " WHERE group_name = $1 AND bucket = $3 AND member = $2";
constexpr const char* kRaiseBuckets =
    "UPDATE state_group_buckets SET position = $3, attempts = 0"
    " WHERE group_name = $1 AND member = $2 AND position < $3";
constexpr const char* kHasBucket =
    "SELECT bucket FROM state_group_buckets WHERE group_name = $1 AND member = $2 AND bucket = $3";
constexpr const char* kPosition =
    "SELECT min(CASE WHEN m.position > b.position THEN m.position ELSE b.position END)"
    " FROM state_group_buckets b LEFT JOIN state_group_members m"
    " ON m.group_name = b.group_name AND m.id = b.member WHERE b.group_name = $1";
constexpr const char* kCountBuckets =
    "SELECT member, count(*) FROM state_group_buckets"
    " WHERE group_name = $1 AND member IS NOT NULL GROUP BY member";

Result<void> run(StateTransaction& transaction, std::string_view sql,
                 std::initializer_list<SqlParameter> parameters) {
  auto done = transaction.run(sql, parameters);
  if (!done) return std::unexpected(std::move(done).error());
  return {};
}

Result<std::uint64_t> run_for_buckets(StateTransaction& transaction, std::string_view sql,
                                      std::string_view group, std::string_view member,
                                      std::span<const BucketProgress> buckets) {
  if (buckets.empty()) return 0;
  std::vector<std::vector<SqlParameter>> rows;
  rows.reserve(buckets.size());
  for (const auto& one : buckets) {
    rows.push_back({group, member, std::int64_t{one.bucket}, sql_number(one.position),
                    std::int64_t{one.attempts}});
  }
  return transaction.run_each(sql, rows);
}

}  // namespace

Result<void> lock_group(StateTransaction& transaction, std::string_view group) {
  return transaction.lock("group/" + std::string(group));
}

Result<bool> add_group(StateTransaction& transaction, std::string_view name, const GroupRow& row) {
  const auto added = transaction.run(kAddGroup, {name, row.id, row.settings, sql_number(row.start),
                                                 sql_number(transaction.now())});
  if (!added) return std::unexpected(added.error());
  if (added->changed() == 0) return false;
  std::vector<std::vector<SqlParameter>> buckets;
  buckets.reserve(ConsumerGroups::kBuckets);
  for (std::int64_t bucket = 0; bucket < ConsumerGroups::kBuckets; ++bucket) {
    buckets.push_back({name, bucket, sql_number(row.start)});
  }
  auto made = transaction.run_each(kAddBucket, buckets);
  if (!made) return std::unexpected(std::move(made).error());
  return true;
}

Result<bool> remove_group(StateTransaction& transaction, std::string_view name) {
  std::uint64_t removed = 0;
  for (const auto* sql : {"DELETE FROM state_group_parked WHERE group_name = $1",
                          "DELETE FROM state_group_buckets WHERE group_name = $1",
                          "DELETE FROM state_group_members WHERE group_name = $1",
                          "DELETE FROM state_groups WHERE name = $1"}) {
    const auto done = transaction.run(sql, {name});
    if (!done) return std::unexpected(done.error());
    removed = done->changed();
  }
  return removed > 0;
}

Result<std::optional<GroupRow>> find_group(StateTransaction& transaction, std::string_view name) {
  const auto rows = transaction.run(kFindGroup, {name});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  GroupRow row{.id = std::string(rows->text(0, 0)),
               .settings = std::string(rows->text(0, 1)),
               .start = rows->position(0, 2),
               .parked_changes = rows->integer(0, 4)};
  if (!rows->is_null(0, 3)) row.stopped = std::string(rows->text(0, 3));
  return row;
}

Result<std::vector<std::string>> group_names(StateTransaction& transaction) {
  const auto rows = transaction.run(kGroupNames);
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> names;
  names.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) names.emplace_back(rows->text(row, 0));
  return names;
}

Result<void> set_stopped(StateTransaction& transaction, std::string_view group,
                         std::optional<std::string_view> reason) {
  return reason ? run(transaction, kSetStopped, {group, *reason})
                : run(transaction, kResume, {group});
}

Result<void> note_parked_change(StateTransaction& transaction, std::string_view group) {
  return run(transaction, kNoteParkedChange, {group});
}

Result<void> add_member(StateTransaction& transaction, std::string_view group,
                        const MemberRow& member) {
  return run(transaction, kAddMember,
             {group, member.id, member.name, sql_number(member.position),
              sql_number(transaction.now()), sql_number(member.expires_at)});
}

Result<bool> renew_member(StateTransaction& transaction, std::string_view group,
                          const MemberRow& member) {
  const auto renewed = transaction.run(
      kRenewMember, {group, member.id, sql_number(member.position), sql_number(member.expires_at)});
  if (!renewed) return std::unexpected(renewed.error());
  return renewed->changed() > 0;
}

Result<std::vector<MemberRow>> list_members(StateTransaction& transaction, std::string_view group) {
  const auto rows = transaction.run(kListMembers, {group});
  if (!rows) return std::unexpected(rows.error());
  std::vector<MemberRow> members;
  members.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    members.push_back({.id = std::string(rows->text(row, 0)),
                       .name = std::string(rows->text(row, 1)),
                       .position = rows->position(row, 2),
                       .expires_at = rows->time(row, 3)});
  }
  return members;
}

Result<void> remove_member(StateTransaction& transaction, std::string_view group,
                           const MemberRow& member) {
  if (auto raised = raise_buckets(transaction, group, member); !raised) return raised;
  if (auto freed = run(transaction, kFreeBuckets, {group, member.id}); !freed) return freed;
  return run(transaction, kRemoveMember, {group, member.id});
}

Result<std::vector<BucketRow>> list_buckets(StateTransaction& transaction, std::string_view group,
                                            std::string_view member) {
  const auto rows = transaction.run(kListBuckets, {group, member});
  if (!rows) return std::unexpected(rows.error());
  std::vector<BucketRow> buckets;
  buckets.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    buckets.push_back({.progress = {.bucket = static_cast<std::uint32_t>(rows->integer(row, 0)),
                                    .position = rows->position(row, 1),
                                    .attempts = static_cast<std::uint32_t>(rows->integer(row, 2))},
                       .is_free = rows->is_null(row, 3)});
  }
  return buckets;
}

Result<std::uint64_t> take_buckets(StateTransaction& transaction, std::string_view group,
                                   std::string_view member,
                                   std::span<const BucketProgress> buckets) {
  if (buckets.empty()) return 0;
  std::vector<std::vector<SqlParameter>> rows;
  rows.reserve(buckets.size());
  for (const auto& one : buckets) rows.push_back({group, member, std::int64_t{one.bucket}});
  return transaction.run_each(kTakeBucket, rows);
}

Result<std::uint64_t> store_progress(StateTransaction& transaction, std::string_view group,
                                     std::string_view member,
                                     std::span<const BucketProgress> buckets) {
  return run_for_buckets(transaction, kStoreProgress, group, member, buckets);
}

Result<std::uint64_t> give_buckets(StateTransaction& transaction, std::string_view group,
                                   std::string_view member,
                                   std::span<const BucketProgress> buckets) {
  return run_for_buckets(transaction, kGiveBucket, group, member, buckets);
}

Result<void> raise_buckets(StateTransaction& transaction, std::string_view group,
                           const MemberRow& member) {
  return run(transaction, kRaiseBuckets, {group, member.id, sql_number(member.position)});
}

Result<bool> has_bucket(StateTransaction& transaction, std::string_view group,
                        std::string_view member, std::uint32_t bucket) {
  const auto rows = transaction.run(kHasBucket, {group, member, std::int64_t{bucket}});
  if (!rows) return std::unexpected(rows.error());
  return !rows->empty();
}

Result<GlobalPosition> group_position(StateTransaction& transaction, std::string_view group) {
  const auto rows = transaction.run(kPosition, {group});
  if (!rows) return std::unexpected(rows.error());
  return rows->empty() ? GlobalPosition{} : rows->position(0, 0);
}

Result<std::vector<MemberBuckets>> count_buckets(StateTransaction& transaction,
                                                 std::string_view group) {
  const auto rows = transaction.run(kCountBuckets, {group});
  if (!rows) return std::unexpected(rows.error());
  std::vector<MemberBuckets> counts;
  counts.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    counts.push_back({.member = std::string(rows->text(row, 0)),
                      .buckets = static_cast<std::uint32_t>(rows->integer(row, 1))});
  }
  return counts;
}

}  // namespace eventstore::subscription
