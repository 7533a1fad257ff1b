#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "eventstore/projections.hpp"
#include "projection/database_backoff.hpp"
#include "projection/generation_run.hpp"
#include "projection/held_lease.hpp"
#include "projection/turn.hpp"

namespace eventstore::projection {

// Computes a projection anew beside its live generation, and puts the new one in its place.
//
// The new generation never goes beyond the live one, so that no event's effects outside of the
// state database are left out. Once it is close, the live one is kept from committing for a moment;
// the new one does what is left, and takes its place in one transaction.
//
// Ownership: borrows everything.
// Threads:   one at a time.
class Rebuild {
 public:
  Rebuild(Subscriptions& subscriptions, StateDatabase& state, Projection& projection,
          const RebuildOptions& options);

  // Fails as Projections::rebuild() does; failures of the databases that may pass are waited out.
  // False: there is no live generation.
  Result<bool> run();

 private:
  // The two generations.
  struct Pair {
    GenerationRow live;
    std::vector<WorkerRow> live_workers;
    GenerationRow next;
    std::vector<WorkerRow> next_workers;
  };

  bool may_pass(const Error& error) const;
  Result<std::optional<Pair>> begin();
  Result<GenerationRow> next_generation(StateTransaction& transaction);
  Result<void> remove_replaced();
  Result<bool> run_to_switch();
  Result<void> align(Pair& pair);
  // Works on the new generation until it is at `until`.
  Result<void> advance(Pair& pair, GlobalPosition until, GlobalPosition effects_after);
  Result<void> watch(GenerationRun& run, GlobalPosition until);
  Result<void> refresh(Pair& pair);
  Result<bool> try_to_switch(Pair& pair);
  Result<bool> freeze(Pair& pair);
  Result<bool> put_in_place(const Pair& pair);
  void thaw();
  Error why_fenced();
  Result<void> keep_lease();
  void report(GlobalPosition position, GlobalPosition target);

  Subscriptions& subscriptions_;
  StateDatabase& state_;
  Projection& projection_;
  const RebuildOptions& options_;
  const StoreIdentity identity_;
  HeldLease lease_;
  bool restarts_;
  Timestamp frozen_until_ = {};
  // The last attempt to put one generation in the place of another, as it may have been made though
  // the answer to its commit was lost.
  struct Switch {
    std::int64_t next;
    GenerationRow replaced;
  };
  std::optional<Switch> switch_;
  bool has_switched_ = false;
  Backoff backoff_ = database_backoff();
  const std::chrono::steady_clock::time_point began_at_ = std::chrono::steady_clock::now();
  std::optional<GlobalPosition> began_from_;  // absent: it has not begun
  double rate_ = 0;                           // positions a second
};

}  // namespace eventstore::projection
