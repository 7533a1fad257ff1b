#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "eventstore/state.hpp"

namespace eventstore {

// That one of several that could do the same work does it. A lease runs out unless it is renewed;
// the next to acquire it has a higher fencing number.
//
// Whoever has lost a lease may not know it yet, after a pause. It is kept from writing all the same
// by asking holds_lease() in the transaction that writes.
struct Lease {
  std::string name;
  std::string owner;
  std::int64_t fence = 0;
  Timestamp expires_at;  // by the state database's clock
};

// Who has a lease that was asked for: the caller, or somebody else.
struct LeaseAnswer {
  bool acquired = false;
  Lease lease;  // the caller's; of another the one that stands in the way
};

// Takes the lease where nobody has it or it has run out, for `duration` from now. `owner` names the
// instance that asks, for people to read: two that ask with the same name are two. Both names are 1
// to 512 bytes. Takes effect with the commit, as all that follows.
//
// Fails as validate_lease_name() and validate_lease_owner(), and as StateTransaction::run().
Result<LeaseAnswer> acquire_lease(StateTransaction& transaction, std::string_view name,
                                  std::string_view owner, std::chrono::milliseconds duration);

// For another `duration` from now. False: somebody else has taken it. One that has run out and that
// nobody has taken goes on.
Result<bool> renew_lease(StateTransaction& transaction, Lease& lease,
                         std::chrono::milliseconds duration);

// Whether the lease is still this one's, and stays so until the transaction ends: whoever takes it
// meanwhile waits for that. It may have run out.
Result<bool> holds_lease(StateTransaction& transaction, const Lease& lease);

// Gives it back, so that the next need not wait. False: somebody else has taken it.
Result<bool> release_lease(StateTransaction& transaction, const Lease& lease);

// Absent: nobody ever had it.
Result<std::optional<Lease>> find_lease(StateTransaction& transaction, std::string_view name);

}  // namespace eventstore
