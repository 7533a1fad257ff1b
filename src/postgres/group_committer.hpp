#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "postgres/append_group.hpp"
#include "postgres/connection.hpp"
#include "postgres/group_place.hpp"
#include "postgres/months.hpp"
#include "postgres/pending_group.hpp"
#include "postgres/prepared_append.hpp"
#include "postgres/recording_time.hpp"
#include "postgres/remembered_state.hpp"
#include "postgres/statements.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// Makes one transaction of a group of appends, on a connection of its own, by the shortest way that
// may do:
//
// - at once: with what is remembered, or by a statement with which the server decides by itself, so
//   that nobody waits for an answer while the lock is held;
// - else it takes the lock, looks at what is stored, decides, writes and commits.
//
// Ownership: borrows the settings and months.
// Threads:   one at a time.
class GroupCommitter {
 public:
  // What one transaction has come to. `sent`: the server was asked to commit. `head`: the one
  // behind it, or the one that was looked at.
  struct Attempt {
    std::vector<Result<AppendResult>> results = {};  // of the members, where there is no failure
    std::optional<Failure> failure = {};
    GlobalPosition found = {};  // the head before
    GlobalPosition head = {};
    bool wrote = false;
    bool sent = false;
    bool at_once = false;  // lock and events went out together: they may yet come to the lock
  };

  GroupCommitter(const StoreSettings& settings, KnownMonths& months);

  // Where it fails, nothing is stored, unless the server was asked to commit and did not refuse.
  Attempt attempt(PendingGroup& group);

 private:
  struct FromMemory {
    std::optional<Attempt> made = {};  // absent: nothing was stored
    bool is_there_already = false;     // something of the group
  };

  // The same, with what is known of it so far where it fails.
  Answer<void> commit_once(PendingGroup& group, Attempt& made);
  Answer<void> connect(Deadline deadline);
  void tell_of_unreplicated();
  Answer<void> end_lost_session(PendingGroup& group);
  Answer<StoredState> look(const PendingGroup& group);
  Answer<void> resolve(PendingGroup& group, const StoredState& state);
  void decide(PendingGroup& group, const StoredState& state, AppendGroup& accepted,
              Attempt& made) const;
  Answer<void> end_without_events(const PendingGroup& group,
                                  std::span<const Result<AppendResult>> results);
  Answer<void> store(PendingGroup& group, const AppendGroup& accepted, StoredState& state,
                     const std::string& suffix, Attempt& made);
  void remember(const AppendGroup& accepted, StoredState& state, Attempt& made);
  std::optional<Attempt> attempt_at_once(PendingGroup& group);
  FromMemory attempt_from_memory(PendingGroup& group, const GroupPlace& place);
  std::optional<Attempt> attempt_looking(PendingGroup& group, const GroupPlace& place);
  Attempt lose_at_once(PendingGroup& group, Attempt made, const Failure& failure) const;
  Answer<std::optional<std::string>> suffix_of(Month month, const StoredState& state,
                                               Deadline deadline);

  const StoreSettings& settings_;
  KnownMonths& months_;
  std::unique_ptr<Connection> connection_;
  std::optional<ServerSession> session_;  // that of the connection, where it has one
  RecordingTime time_;
  Month in_default_;  // whose tables could not be made
  Deadline next_told_of_unreplicated_ = {};
  Statements statements_;
  RememberedState remembered_;
};

}  // namespace eventstore::postgres
