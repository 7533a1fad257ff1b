#include "projection/status.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "eventstore/lease.hpp"
#include "projection/failure_rows.hpp"

namespace eventstore::projection {
namespace {

// Who has a lease that has not run out.
Result<std::optional<std::string>> owner_of(StateTransaction& transaction, std::string_view name) {
  auto lease = find_lease(transaction, name);
  if (!lease) return std::unexpected(std::move(lease).error());
  if (!*lease || (*lease)->expires_at <= transaction.now()) return std::nullopt;
  return std::move((*lease)->owner);
}

Result<std::optional<ProjectionStatus::Rebuild>> rebuild_of(
    StateTransaction& transaction, const std::vector<GenerationRow>& generations,
    std::string_view projection) {
  const auto next =
      std::ranges::find(generations, GenerationStatus::Building, &GenerationRow::status);
  if (next == generations.end()) return std::nullopt;
  const auto workers = list_workers(transaction, next->id);
  if (!workers) return std::unexpected(workers.error());
  const auto owner = owner_of(transaction, rebuild_lease_name(projection));
  if (!owner) return std::unexpected(owner.error());
  return ProjectionStatus::Rebuild{.version = next->version,
                                   .workers = next->workers,
                                   .position = least_position(*workers),
                                   .is_running = owner->has_value()};
}

}  // namespace

Result<ProjectionStatus> status_of(StateTransaction& transaction, EventStore& store,
                                   const ProjectionRow& row) {
  const auto generations = list_generations(transaction, row.name);
  if (!generations) return std::unexpected(generations.error());
  const auto workers = list_workers(transaction, row.live_generation);
  if (!workers) return std::unexpected(workers.error());
  auto owner = owner_of(transaction, lease_name(row.name));
  if (!owner) return std::unexpected(std::move(owner).error());
  const auto failures = count_failures(transaction, row.live_generation);
  if (!failures) return std::unexpected(failures.error());
  auto rebuild = rebuild_of(transaction, *generations, row.name);
  if (!rebuild) return std::unexpected(std::move(rebuild).error());
  const auto position = least_position(*workers);
  const auto lag = lag_of(store, position, transaction.now());
  if (!lag) return std::unexpected(lag.error());

  ProjectionStatus status{.name = row.name,
                          .failure = row.failure,
                          .owner = *std::move(owner),
                          .position = position,
                          .head = lag->head,
                          .lag = lag->positions,
                          .lag_time = lag->time,
                          .failures = *failures,
                          .rebuild = *std::move(rebuild)};
  status.state = row.failure     ? ProjectionState::Failed
                 : row.is_paused ? ProjectionState::Paused
                 : status.owner  ? ProjectionState::Running
                                 : ProjectionState::Stopped;
  const auto live = std::ranges::find(*generations, row.live_generation, &GenerationRow::id);
  if (live != generations->end()) status.version = live->version;
  status.workers = static_cast<std::uint32_t>(workers->size());
  for (const auto& worker : *workers) {
    status.events += worker.events;
    status.stored_at = std::max(status.stored_at.value_or(worker.stored_at), worker.stored_at);
  }
  return status;
}

}  // namespace eventstore::projection
