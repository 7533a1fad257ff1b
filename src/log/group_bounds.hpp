#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "core/bounds_check.hpp"
#include "core/stream_bounds.hpp"
#include "log/bounds_lookup.hpp"
#include "log/log_tail.hpp"
#include "log/prepared_append.hpp"

namespace eventstore::log {

// The bounds of streams as the members of one commit group see them: those that are durable, and
// those that earlier members have set.
//
// Ownership: borrows the tail and the snapshot; the append that is checked, until it is accepted.
// Threads:   the writer's.
class GroupBounds {
 public:
  // The last version of a stream, events of accepted members included.
  using VersionOf = std::function<Result<StreamVersion>(std::string_view stream)>;
  // `durable`: the log before the group. `now`: when that is recorded.
  GroupBounds(const LogTail& tail, const Snapshot& durable, Timestamp now, VersionOf version_of);

  Result<StreamBounds> of(std::string_view stream);

  // Fails with StreamDeleted where the append writes to a stream that is tombstoned.
  Result<void> refuse_tombstoned(const PreparedAppend& append);

  // Fails where the bounds that the append states cannot follow those that are there, which only
  // grow: with InvalidArgument or StreamDeleted.
  Result<void> check(const PreparedAppend& append);

  // The append that was checked last is part of the group.
  void accept();

 private:
  bool any();

  const LogTail& tail_;
  const Snapshot& durable_;
  const Timestamp now_;
  const VersionOf version_of_;
  std::optional<bool> any_durable_;  // whether any event states bounds; asked when it matters
  // Of the streams that the group has asked for; and what the append checked last makes of them.
  StreamMap<StreamBounds> known_;
  BoundsCheck::Changes checked_;
};

}  // namespace eventstore::log
