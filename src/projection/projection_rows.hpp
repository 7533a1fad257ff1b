#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/lease.hpp"
#include "eventstore/position.hpp"
#include "eventstore/state.hpp"
#include "eventstore/time.hpp"
#include "eventstore/uuid.hpp"

// What is stored of projections, but for their documents and tables (docs/formats/state.md). All
// functions fail as StateTransaction::run().
namespace eventstore::projection {

struct ProjectionRow {
  std::string name;
  std::int64_t live_generation = 0;  // 0: none yet
  bool is_paused = false;
  std::optional<std::string> failure = {};
  Timestamp frozen_until = {};
};

enum class GenerationStatus : std::uint8_t { Live, Building, Old };

struct GenerationRow {
  std::int64_t id = 0;
  std::string projection;
  std::uint32_t version = 1;
  std::uint32_t workers = 1;
  GenerationStatus status = GenerationStatus::Live;
  std::string store_id;
  std::string lineage_id;
  std::vector<std::string> tables = {};  // their names as the projection says them
  // definition_of() the projection that made it; empty where an earlier release did.
  std::string definition = {};
};

struct WorkerRow {
  std::uint32_t worker = 0;
  GlobalPosition position;
  std::int64_t fence = 0;
  std::uint64_t events = 0;
  Timestamp stored_at = {};
};

// Absent: it has never run. The row stays as it is until the transaction ends if `is_to_stay`.
Result<std::optional<ProjectionRow>> find_projection(StateTransaction& transaction,
                                                     std::string_view name,
                                                     bool is_to_stay = false);
Result<std::vector<ProjectionRow>> list_projections(StateTransaction& transaction);
Result<void> add_projection(StateTransaction& transaction, std::string_view name);
// False: there is none of that name.
Result<bool> set_paused(StateTransaction& transaction, std::string_view name, bool is_paused);
// Null: nothing stops it any more.
Result<void> set_failure(StateTransaction& transaction, std::string_view name,
                         std::optional<std::string_view> failure);
Result<void> set_frozen_until(StateTransaction& transaction, std::string_view name, Timestamp time);
Result<void> set_live_generation(StateTransaction& transaction, std::string_view name,
                                 std::int64_t generation);
Result<void> remove_projection(StateTransaction& transaction, std::string_view name);

// With an id of its own and a row for each worker, at position 0.
Result<GenerationRow> add_generation(StateTransaction& transaction, GenerationRow generation);
Result<std::optional<GenerationRow>> find_generation(StateTransaction& transaction,
                                                     std::int64_t id);
Result<std::vector<GenerationRow>> list_generations(StateTransaction& transaction,
                                                    std::string_view projection);
Result<std::vector<GenerationRow>> list_other_generations(StateTransaction& transaction,
                                                          std::string_view projection);
Result<void> set_status(StateTransaction& transaction, std::int64_t generation,
                        GenerationStatus status);
Result<void> remove_generation(StateTransaction& transaction, std::int64_t generation);

Result<std::vector<WorkerRow>> list_workers(StateTransaction& transaction, std::int64_t generation);
// Whoever had another fence can commit nothing more: waits for what it is committing.
Result<void> set_fence(StateTransaction& transaction, std::int64_t generation, std::int64_t fence);
// Another number of workers goes on where all of the present ones have come to.
Result<void> set_workers(StateTransaction& transaction, std::int64_t generation,
                         std::uint32_t workers, GlobalPosition position, std::int64_t fence);
// False: it is not at `from` under `fence`: the caller's work is somebody else's by now.
struct WorkerMove {
  std::int64_t generation = 0;
  std::uint32_t worker = 0;
  std::int64_t fence = 0;
  GlobalPosition from;
  GlobalPosition to;
  std::uint64_t events = 0;
};
Result<bool> move_worker(StateTransaction& transaction, const WorkerMove& move);

GlobalPosition least_position(std::span<const WorkerRow> workers);
GlobalPosition greatest_position(std::span<const WorkerRow> workers);

std::string lease_name(std::string_view projection);
std::string rebuild_lease_name(std::string_view projection);

}  // namespace eventstore::projection
