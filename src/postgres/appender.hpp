#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
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
// Threads:   one at a time.
class Appender {
 public:
  using Pending = PendingAppend<PreparedAppend>;
  // Told the new head after each commit.
  using Published = std::function<void(GlobalPosition head)>;

  Appender(const StoreSettings& settings, KnownMonths& months, Published published);

  // Fills in the results of a group. Nothing may be under way.
  void commit(std::span<Pending* const> group);

  // The same in two steps, for groups that can be decided with what is remembered: begin() sends a
  // group, and finish() waits for the one that was begun first and fills in its results. A second
  // one is taken up by the server right behind the first, and stored only if that was. False: the
  // group is to be committed when nothing is under way.
  bool begin(std::span<Pending* const> group);
  void finish();

 private:
  // What one transaction has come to. `sent`: the server was asked to commit.
  struct Attempt {
    std::vector<Result<AppendResult>> results = {};
    std::optional<Failure> failure = {};
    GlobalPosition head = {};
    bool wrote = false;
    bool sent = false;
    bool at_once = false;  // it did not look for ids before
  };
  // A group that is decided with what is remembered.
  struct Flight {
    std::vector<Pending*> group = {};
    Attempt made = {};          // if it is stored
    std::uint64_t attempt = 0;  // its number
    GlobalPosition found = {};  // the head before it
    StoredState left = {};      // and all as it is behind it
    std::vector<Call> calls = {};
    Deadline deadline = {};
    bool ends_chain = false;              // of one of its members
    std::optional<Failure> failure = {};  // it has been answered already
  };
  static constexpr std::size_t kFlightsMax = 2;

  void settle(std::span<Pending* const> group, std::optional<Attempt> made);
  void answer(std::span<Pending* const> group, Attempt& made);
  Attempt attempt(std::span<Pending* const> group, Deadline deadline);
  // The same, with what is known of it so far where it fails.
  Answer<void> commit_once(std::span<Pending* const> group, Attempt& made, Deadline deadline);
  Answer<void> connect(Deadline deadline);
  Answer<StoredState> look(std::span<Pending* const> group, Deadline deadline);
  void decide(std::span<Pending* const> group, const StoredState& state, AppendGroup& accepted,
              Attempt& made);
  bool is_own(const PreparedAppend& append, const StoredState& state) const;
  std::uint64_t new_attempt();
  Answer<void> store(const AppendGroup& accepted, StoredState& state, bool in_default,
                     Attempt& made, Deadline deadline);
  std::optional<Attempt> attempt_at_once(std::span<Pending* const> group, Deadline deadline);
  std::optional<GroupPlace> last_month() const;
  std::optional<Flight> plan_from_memory(std::span<Pending* const> group, const GroupPlace& place,
                                         std::uint64_t behind);
  std::optional<Attempt> attempt_looking(std::span<Pending* const> group, const GroupPlace& place,
                                         Deadline deadline);
  bool flies() const;
  std::optional<Failure> land(const Flight& flight);
  void answer_failure(std::span<Pending* const> group, const Error& error);
  Answer<bool> begin_month(Month month, Deadline deadline);

  const StoreSettings& settings_;
  KnownMonths& months_;
  const Published published_;
  std::unique_ptr<Connection> connection_;
  RecordingTime time_;
  Month in_default_;  // whose tables could not be made
  Statements statements_;
  RememberedState remembered_;
  std::deque<Flight> flights_;  // under way
  // Members of the group under way that an attempt whose outcome is not known may have written; and
  // that ids are to be looked up for that reason.
  std::vector<bool> maybe_written_;
  bool resolving_ = false;
  bool lost_at_once_ = false;       // it was one that stores all at once
  std::uint64_t last_attempt_ = 0;  // of that kind
  bool trusts_memory_ = true;       // the group under way was not refused for ids not looked for
};

}  // namespace eventstore::postgres
