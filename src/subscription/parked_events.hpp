#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/consumer_group.hpp"
#include "eventstore/position.hpp"
#include "eventstore/result.hpp"
#include "eventstore/state.hpp"

// The table of parked events. All fail as StateTransaction::run().
namespace eventstore::subscription {

// A reason as it can be stored: valid UTF-8 without NUL, of bounded length.
std::string storable_reason(std::string_view reason);

// Again: with what is new about it, and not to be replayed any more unless `event` says so.
Result<void> park(StateTransaction& transaction, std::string_view group, const ParkedEvent& event);
// False: it was not parked.
Result<bool> unpark(StateTransaction& transaction, std::string_view group, GlobalPosition position);

Result<std::vector<ParkedEvent>> list_parked(StateTransaction& transaction, std::string_view group,
                                             GlobalPosition after, std::uint64_t limit);
Result<std::uint64_t> count_parked(StateTransaction& transaction, std::string_view group);

// Keys that have parked events, in buckets of `member`.
Result<std::set<std::string>> parked_keys(StateTransaction& transaction, std::string_view group,
                                          std::string_view member);

// What is parked of a key.
struct ParkedOfKey {
  GlobalPosition first;
  bool all_replay = false;
};
Result<std::optional<ParkedOfKey>> parked_of_key(StateTransaction& transaction,
                                                 std::string_view group, std::string_view key);
// Later ones of the key are not to be replayed any more.
Result<void> cancel_replays_after(StateTransaction& transaction, std::string_view group,
                                  std::string_view key, GlobalPosition position);

// Those to be replayed, in buckets of `member`, in order.
struct ReplayRow {
  GlobalPosition position;
  std::uint32_t bucket = 0;
  std::uint32_t attempts = 0;
};
Result<std::vector<ReplayRow>> list_replays(StateTransaction& transaction, std::string_view group,
                                            std::string_view member, std::size_t limit);

Result<std::uint64_t> mark_replays(StateTransaction& transaction, std::string_view group,
                                   std::span<const GlobalPosition> positions);
Result<std::uint64_t> mark_all_replays(StateTransaction& transaction, std::string_view group);
Result<std::uint64_t> discard_parked(StateTransaction& transaction, std::string_view group,
                                     std::span<const GlobalPosition> positions);

}  // namespace eventstore::subscription
