#pragma once

#include <functional>
#include <span>

#include "eventstore/position.hpp"
#include "postgres/group_committer.hpp"
#include "postgres/months.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// Commits groups of appends, each in one transaction that GroupCommitter makes: tries again what
// may go through the next time, finds out what has become of a transaction whose answer was lost,
// and tells who appended.
//
// A transaction holds the lock that gives positions until its end. So the order of commits is the
// order of positions, with any number of processes, and there is no gap.
//
// Ownership: borrows the settings and months.
// Threads:   commit() one at a time.
class Appender {
 public:
  // Told the new head after each commit.
  using Published = std::function<void(GlobalPosition head)>;

  Appender(const StoreSettings& settings, KnownMonths& months, Published published);

  // Fills in the results of a group.
  void commit(std::span<Pending* const> members);

 private:
  void answer(const PendingGroup& group, GroupCommitter::Attempt& made) const;

  const StoreSettings& settings_;
  const Published published_;
  GroupCommitter committer_;
};

}  // namespace eventstore::postgres
