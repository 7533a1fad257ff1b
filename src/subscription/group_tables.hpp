#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/position.hpp"
#include "eventstore/result.hpp"
#include "eventstore/state.hpp"
#include "subscription/bucket_work.hpp"

// The tables of consumer groups: groups, members and buckets (parked events: parked_events.hpp).
//
// Whoever changes a group's rows has its lock, so that a transaction sees what is and not what was;
// each write of a bucket says whose it has to be all the same: whoever has lost it, and does not
// know yet, changes nothing. All fail as StateTransaction::run().
namespace eventstore::subscription {

struct GroupRow {
  std::string id;
  std::string settings;
  GlobalPosition start;
  std::optional<std::string> stopped = {};
  std::int64_t parked_changes = 0;
};

struct MemberRow {
  std::string id = {};
  std::string name = {};
  GlobalPosition position = {};
  Timestamp expires_at = {};
};

// Waits for others who change the same group.
Result<void> lock_group(StateTransaction& transaction, std::string_view group);

// False: there is one of that name.
Result<bool> add_group(StateTransaction& transaction, std::string_view name, const GroupRow& row);
// With all that belongs to it. False: there was none.
Result<bool> remove_group(StateTransaction& transaction, std::string_view name);
Result<std::optional<GroupRow>> find_group(StateTransaction& transaction, std::string_view name);
Result<std::vector<std::string>> group_names(StateTransaction& transaction);
// Absent: it goes on.
Result<void> set_stopped(StateTransaction& transaction, std::string_view group,
                         std::optional<std::string_view> reason);
Result<void> note_parked_change(StateTransaction& transaction, std::string_view group);

Result<void> add_member(StateTransaction& transaction, std::string_view group,
                        const MemberRow& member);
// False: it is no member any more.
Result<bool> renew_member(StateTransaction& transaction, std::string_view group,
                          const MemberRow& member);
// In the order in which they joined.
Result<std::vector<MemberRow>> list_members(StateTransaction& transaction, std::string_view group);
// Its buckets are free then, each at the position that it has come to.
Result<void> remove_member(StateTransaction& transaction, std::string_view group,
                           const MemberRow& member);

struct BucketRow {
  BucketProgress progress;
  bool is_free = false;  // else it is that member's
};
// Those of `member`, and free ones.
Result<std::vector<BucketRow>> list_buckets(StateTransaction& transaction, std::string_view group,
                                            std::string_view member);
// Each returns how many of them were changed: less than all where some are not, or not any more,
// what they are taken for.
Result<std::uint64_t> take_buckets(StateTransaction& transaction, std::string_view group,
                                   std::string_view member,
                                   std::span<const BucketProgress> buckets);
Result<std::uint64_t> store_progress(StateTransaction& transaction, std::string_view group,
                                     std::string_view member,
                                     std::span<const BucketProgress> buckets);
Result<std::uint64_t> give_buckets(StateTransaction& transaction, std::string_view group,
                                   std::string_view member,
                                   std::span<const BucketProgress> buckets);
// Before a member's position goes back: what it told of the buckets is told by themselves.
Result<void> raise_buckets(StateTransaction& transaction, std::string_view group,
                           const MemberRow& member);
Result<bool> has_bucket(StateTransaction& transaction, std::string_view group,
                        std::string_view member, std::uint32_t bucket);

// The lowest position of the group's buckets.
Result<GlobalPosition> group_position(StateTransaction& transaction, std::string_view group);
struct MemberBuckets {
  std::string member;
  std::uint32_t buckets = 0;
};
Result<std::vector<MemberBuckets>> count_buckets(StateTransaction& transaction,
                                                 std::string_view group);

}  // namespace eventstore::subscription
