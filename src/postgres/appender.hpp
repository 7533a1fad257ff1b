#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/append_queue.hpp"
#include "core/file_system.hpp"
#include "postgres/append_group.hpp"
#include "postgres/connection.hpp"
#include "postgres/group_place.hpp"
#include "postgres/months.hpp"
#include "postgres/prepared_append.hpp"
#include "postgres/recording_time.hpp"
#include "postgres/remembered_state.hpp"
#include "postgres/statements.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// Commits groups of appends, on a connection of its own.
//
// Each group is one transaction: it takes the lock that gives positions, looks at what is stored,
// decides, writes and commits, and gives the lock back with that. So the order of commits is the
// order of positions, with any number of processes, and there is no gap.
//
// Ownership: borrows the settings and months.
// Threads:   commit() one at a time.
class Appender {
 public:
  using Pending = PendingAppend<PreparedAppend>;
  // Told the new head after each commit.
  using Published = std::function<void(GlobalPosition head)>;

  Appender(const StoreSettings& settings, KnownMonths& months, Published published);

  // Fills in the results of a group.
  void commit(std::span<Pending* const> group);

 private:
  // What one transaction has come to. `sent`: the server was asked to commit.
  struct Attempt {
    std::vector<Result<AppendResult>> results = {};
    std::optional<Failure> failure = {};
    GlobalPosition found = {};  // the head before
    GlobalPosition head = {};
    bool wrote = false;
    bool sent = false;
  };

  Attempt attempt(std::span<Pending* const> group, Deadline deadline);
  // The same, with what is known of it so far where it fails.
  Answer<void> commit_once(std::span<Pending* const> group, Attempt& made, Deadline deadline);
  Answer<void> connect(Deadline deadline);
  Answer<StoredState> look(std::span<Pending* const> group, Deadline deadline);
  void decide(std::span<Pending* const> group, const StoredState& state, AppendGroup& accepted,
              Attempt& made);
  bool is_own(const PreparedAppend& append, const StoredState& state) const;
  std::uint64_t new_attempt();
  Answer<void> store(const AppendGroup& accepted, StoredState& state, const std::string& suffix,
                     Attempt& made, Deadline deadline);
  std::optional<Attempt> attempt_at_once(std::span<Pending* const> group, Deadline deadline);
  std::optional<Attempt> attempt_from_memory(std::span<Pending* const> group,
                                             const GroupPlace& place, bool& is_there_already,
                                             Deadline deadline);
  std::optional<Attempt> attempt_looking(std::span<Pending* const> group, const GroupPlace& place,
                                         Deadline deadline);
  Attempt lose_at_once(Attempt made, const Failure& failure);
  void answer(std::span<Pending* const> group, Attempt& made) const;
  void answer_failure(std::span<Pending* const> group, const Error& error);
  Answer<std::optional<std::string>> suffix_of(Month month, const StoredState& state,
                                               Deadline deadline);

  const StoreSettings& settings_;
  KnownMonths& months_;
  const Published published_;
  std::unique_ptr<Connection> connection_;
  RecordingTime time_;
  Month in_default_;  // whose tables could not be made
  Statements statements_;
  RememberedState remembered_;
  // Members of the group under way that an attempt whose outcome is not known may have written; and
  // that ids are to be looked up for that reason.
  std::vector<bool> maybe_written_;
  bool resolving_ = false;
  bool lost_at_once_ = false;       // it was one that stores all at once
  std::uint64_t last_attempt_ = 0;  // of that kind
  bool trusts_memory_ = true;       // the group under way was not refused for ids not looked for
};

}  // namespace eventstore::postgres
