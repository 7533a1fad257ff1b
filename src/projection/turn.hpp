#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "eventstore/event_store.hpp"
#include "eventstore/projections.hpp"
#include "projection/held_lease.hpp"
#include "projection/projection_rows.hpp"
#include "projection/row_deadline.hpp"

namespace eventstore::projection {

// Which history of which store positions are of.
struct StoreIdentity {
  std::string store_id;
  std::string lineage_id;
};
StoreIdentity identity_of(EventStore& store);

// What is to be worked on.
struct Turn {
  GenerationRow generation;
  std::vector<WorkerRow> workers;
  // Where all workers have to be before another number of them can go on.
  std::optional<GlobalPosition> align_at = {};
};

// Why there is nothing to work on for now.
struct NoTurn {
  ProjectionPhase phase = ProjectionPhase::Waiting;
  std::chrono::milliseconds look_again = std::chrono::milliseconds(250);
  // How far whoever works on it has come, where that was looked at.
  std::optional<GlobalPosition> position = {};
};

// What one instance of a projection does to be the one that works.
//
// Threads: one at a time.
class TurnTaker {
 public:
  TurnTaker(StateDatabase& state, const StoreIdentity& identity, Projection& projection,
            const ProjectionOptions& options)
      : state_(state),
        identity_(identity),
        projection_(projection),
        options_(options),
        lease_(state, lease_name(projection.name()), options.owner, options.lease) {}

  // Takes or keeps the lease, makes the projection's first generation where there is none, and
  // keeps whoever worked before from committing anything.
  //
  // Fails with UnsupportedFormat, InvalidArgument or Cancelled as RunningProjection::wait() says,
  // and as the state database.
  Result<std::variant<Turn, NoTurn>> take();

  // Whether work may go on: the lease is kept, nobody asked for a pause, and no rebuild has taken
  // the generation's place. Fails as the state database.
  Result<bool> may_go_on();

  // Lets another one begin at once.
  void give_up() { lease_.give_up(); }

  std::int64_t fence() const { return lease_.lease() ? lease_.lease()->fence : 0; }

 private:
  Result<bool> is_frozen();
  Result<ProjectionRow> own_row(StateTransaction& transaction);
  Result<NoTurn> no_turn(StateTransaction& transaction, const ProjectionRow& row);
  Result<GenerationRow> first_generation(StateTransaction& transaction);
  Result<GenerationRow> check_generation(StateTransaction& transaction, std::int64_t id);
  Result<Turn> turn_of(StateTransaction& transaction, GenerationRow generation,
                       std::int64_t fence) const;

  StateDatabase& state_;
  const StoreIdentity& identity_;
  Projection& projection_;
  const ProjectionOptions& options_;
  HeldLease lease_;
  std::int64_t generation_ = 0;  // that of the last turn; 0: there was none
};

// What ends who works on a projection that is no more.
Error was_reset(std::string_view projection);

// Whether positions of the generation are of this store; an error that says what to do.
Result<void> check_history(const GenerationRow& generation, const StoreIdentity& identity);

// Whether this projection can go on with the generation: of this store, of its version, with its
// tables and its filter. An error that says what to do.
Result<void> check_fits(const GenerationRow& generation, const StoreIdentity& identity,
                        const Projection& projection);

// A row for a new generation of the projection.
GenerationRow new_generation(const Projection& projection, const StoreIdentity& identity,
                             std::uint32_t workers, GenerationStatus status);

// Sets the fence of the generation's workers, and their number where that can be: all are at the
// same position.
Result<std::vector<WorkerRow>> take_over(StateTransaction& transaction, GenerationRow& generation,
                                         std::uint32_t workers, std::int64_t fence);

}  // namespace eventstore::projection
