#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "postgres/prepared_append.hpp"
#include "postgres/server_session.hpp"
#include "postgres/stored_state.hpp"

namespace eventstore::postgres {

// A group of appends on its way into the store, and what the attempts at it have left open so far.
struct PendingGroup {
  // What an attempt whose outcome is not known has left of a member.
  enum class Doubt : std::uint8_t {
    None,     // it was not written
    AtOnce,   // maybe, by one that stores all at once, and may yet come to the lock
    Commit,   // maybe, by one that had the lock
    Written,  // it was, and has been found since
  };

  std::span<Pending* const> members;
  Deadline deadline;
  std::vector<Doubt> doubts = std::vector<Doubt>(members.size());
  bool resolving = false;          // ids are to be looked up, made by the store or not
  bool trusts_memory = true;       // it was not refused for ids that were not looked for
  std::uint64_t last_attempt = 0;  // a random number
  // The last attempts whose answers were lost: of those that store all at once, with its session
  // where that is known, and of those that had the lock. 0: none.
  std::uint64_t lost_at_once = 0;
  std::optional<ServerSession> lost_session = {};
  bool is_asked_to_end = false;  // the session is
  std::uint64_t lost_commit = 0;

  // Such that it is stored by COPY.
  bool is_large() const;

  // Call for each attempt whose outcome is not known; `results` is what it would have answered.
  void doubt_what_was_sent(std::span<const Result<AppendResult>> results, bool at_once);
  // Whether something that may have been written is not in `state`.
  bool lacks_something(const StoredState& state) const;
  // Call with the lock held and something missing: attempts that had the lock wrote nothing; one at
  // once may yet, unless it is known to be over.
  void settle_doubts();
  // Whether what is found of a member was stored by an attempt whose answer was lost.
  bool is_own(std::size_t index, const StoredState& state) const;
  // Whether something is refused that may yet be stored by an attempt that comes to the lock later:
  // by then it may hold what was expected.
  bool is_refused_in_doubt(std::span<const Result<AppendResult>> results) const;
};

}  // namespace eventstore::postgres
