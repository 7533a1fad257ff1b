#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "eventstore/lease.hpp"
#include "eventstore/state.hpp"

namespace eventstore::projection {

// A lease as one instance knows it.
//
// Ownership: borrows the database.
// Threads:   one at a time.
class HeldLease {
 public:
  HeldLease(StateDatabase& state, std::string name, std::string owner,
            std::chrono::milliseconds duration);

  // Takes the lease, or has it for longer. It is known to be held once keep() says that the
  // transaction is committed. All fail as StateTransaction::run().
  Result<LeaseAnswer> hold(StateTransaction& transaction);
  void keep(Lease lease);

  // In a transaction of its own, where a third of the time has passed. False: it is not held, or
  // somebody else has taken it.
  Result<bool> renew_in_time();
  bool is_due() const;

  // So that the next need not wait. What fails of that ends with its time.
  void give_up();

  const std::optional<Lease>& lease() const { return lease_; }

 private:
  StateDatabase& state_;
  const std::string name_;
  const std::string owner_;
  const std::chrono::milliseconds duration_;
  std::optional<Lease> lease_;
  std::chrono::steady_clock::time_point renew_at_{};
};

}  // namespace eventstore::projection
