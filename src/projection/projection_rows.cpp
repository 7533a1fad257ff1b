#include "projection/projection_rows.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <sstream>
#include <utility>

#include "core/campaign_hooks.hpp"

namespace eventstore::projection {
namespace {

constexpr const char* kFind =
    "SELECT name, live_generation, is_paused, failure, frozen_until FROM state_projections"
    " WHERE name = $1";
constexpr const char* kList =
    "SELECT name, live_generation, is_paused, failure, frozen_until FROM state_projections"
    " ORDER BY name";
constexpr const char* kAdd =
    "INSERT INTO state_projections (name, live_generation, is_paused, frozen_until, created_at)"
    " VALUES ($1, 0, 0, 0, $2) ON CONFLICT (name) DO NOTHING";
constexpr const char* kPause = "UPDATE state_projections SET is_paused = $2 WHERE name = $1";
constexpr const char* kFail = "UPDATE state_projections SET failure = $2 WHERE name = $1";
constexpr const char* kFreeze = "UPDATE state_projections SET frozen_until = $2 WHERE name = $1";
constexpr const char* kSetLive =
    "UPDATE state_projections SET live_generation = $2 WHERE name = $1";
constexpr const char* kRemove = "DELETE FROM state_projections WHERE name = $1";

constexpr const char* kNextGeneration =
    "UPDATE state_projection_generation_ids SET last_id = last_id + 1 RETURNING last_id";
constexpr const char* kAddGeneration =
    "INSERT INTO state_projection_generations (id, projection, version, workers, status, store_id,"
    " lineage_id, tables, definition, created_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
constexpr const char* kFindGeneration =
    "SELECT id, projection, version, workers, status, store_id, lineage_id, tables, definition"
    " FROM state_projection_generations WHERE id = $1";
constexpr const char* kListGenerations =
    "SELECT id, projection, version, workers, status, store_id, lineage_id, tables, definition"
    " FROM state_projection_generations WHERE projection = $1 ORDER BY id";
constexpr const char* kListOtherGenerations =
    "SELECT id, projection, version, workers, status, store_id, lineage_id, tables, definition"
    " FROM state_projection_generations WHERE projection <> $1 ORDER BY id";
constexpr const char* kSetStatus =
    "UPDATE state_projection_generations SET status = $2 WHERE id = $1";
constexpr const char* kSetWorkers =
    "UPDATE state_projection_generations SET workers = $2 WHERE id = $1";
constexpr const char* kRemoveGeneration = "DELETE FROM state_projection_generations WHERE id = $1";

constexpr const char* kListWorkers =
    "SELECT worker, position, fence, events, stored_at FROM state_projection_workers"
    " WHERE generation = $1 ORDER BY worker";
constexpr const char* kAddWorker =
    "INSERT INTO state_projection_workers (generation, worker, position, fence, events, stored_at)"
    " VALUES ($1, $2, $3, $4, $5, $6)";
constexpr const char* kRemoveFailures =
    "DELETE FROM state_projection_failures WHERE generation = $1";
constexpr const char* kRemoveWorkers = "DELETE FROM state_projection_workers WHERE generation = $1";
constexpr const char* kFence =
    "UPDATE state_projection_workers SET fence = $2 WHERE generation = $1";
constexpr const char* kMove =
    "UPDATE state_projection_workers SET position = $1, events = events + $2, stored_at = $3"
    " WHERE generation = $4 AND worker = $5 AND fence = $6 AND position = $7";

// What a planted bug makes of it.
constexpr const char* kMoveUnfenced =
    "UPDATE state_projection_workers SET position = $1, events = events + $2, stored_at = $3"
    " WHERE generation = $4 AND worker = $5 AND ($6 = $6 OR position = $7)";

constexpr std::array<std::string_view, 3> kStatusNames = {"live", "building", "old"};

// What is none of them is taken for what is to be removed.
GenerationStatus status_of(std::string_view name) {
  if (name == kStatusNames[0]) return GenerationStatus::Live;
  return name == kStatusNames[1] ? GenerationStatus::Building : GenerationStatus::Old;
}

Result<void> done(Result<SqlRows> rows) {
  if (!rows) return std::unexpected(std::move(rows).error());
  return {};
}

ProjectionRow projection_of(const SqlRows& rows, std::size_t row) {
  ProjectionRow found{.name = std::string(rows.text(row, 0)),
                      .live_generation = rows.integer(row, 1),
                      .is_paused = rows.integer(row, 2) != 0,
                      .frozen_until = rows.time(row, 4)};
  if (!rows.is_null(row, 3)) found.failure = rows.text(row, 3);
  return found;
}

GenerationRow generation_of(const SqlRows& rows, std::size_t row) {
  GenerationRow found{.id = rows.integer(row, 0),
                      .projection = std::string(rows.text(row, 1)),
                      .version = static_cast<std::uint32_t>(rows.integer(row, 2)),
                      .workers = static_cast<std::uint32_t>(rows.integer(row, 3)),
                      .status = status_of(rows.text(row, 4)),
                      .store_id = std::string(rows.text(row, 5)),
                      .lineage_id = std::string(rows.text(row, 6))};
  std::istringstream names{std::string(rows.text(row, 7))};
  for (std::string name; names >> name;) found.tables.push_back(name);
  if (!rows.is_null(row, 8)) found.definition = rows.text(row, 8);
  return found;
}

Result<std::vector<GenerationRow>> generations_of(const Result<SqlRows>& rows) {
  if (!rows) return std::unexpected(rows.error());
  std::vector<GenerationRow> found;
  found.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) found.push_back(generation_of(*rows, row));
  return found;
}

Result<void> add_workers(StateTransaction& transaction, std::int64_t generation,
                         std::uint32_t workers, const WorkerRow& first) {
  const auto now = sql_number(transaction.now());
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    // The count of events is of all of them together: the first one has it.
    const auto events = static_cast<std::int64_t>(worker == 0 ? first.events : 0);
    auto added =
        done(transaction.run(kAddWorker, {generation, std::int64_t{worker},
                                          sql_number(first.position), first.fence, events, now}));
    if (!added) return added;
  }
  return {};
}

}  // namespace

Result<std::optional<ProjectionRow>> find_projection(StateTransaction& transaction,
                                                     std::string_view name, bool is_to_stay) {
  std::string sql = kFind;
  if (is_to_stay) sql += transaction.for_update();
  const auto rows = transaction.run(sql, {name});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return projection_of(*rows, 0);
}

Result<std::vector<ProjectionRow>> list_projections(StateTransaction& transaction) {
  const auto rows = transaction.run(kList);
  if (!rows) return std::unexpected(rows.error());
  std::vector<ProjectionRow> found;
  found.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) found.push_back(projection_of(*rows, row));
  return found;
}

Result<void> add_projection(StateTransaction& transaction, std::string_view name) {
  return done(transaction.run(kAdd, {name, sql_number(transaction.now())}));
}

Result<bool> set_paused(StateTransaction& transaction, std::string_view name, bool is_paused) {
  const auto rows = transaction.run(kPause, {name, std::int64_t{is_paused}});
  if (!rows) return std::unexpected(rows.error());
  return rows->changed() > 0;
}

Result<void> set_failure(StateTransaction& transaction, std::string_view name,
                         std::optional<std::string_view> failure) {
  const auto text = failure ? SqlParameter(*failure) : SqlParameter();
  return done(transaction.run(kFail, {name, text}));
}

Result<void> set_frozen_until(StateTransaction& transaction, std::string_view name,
                              Timestamp time) {
  return done(transaction.run(kFreeze, {name, sql_number(time)}));
}

Result<void> set_live_generation(StateTransaction& transaction, std::string_view name,
                                 std::int64_t generation) {
  return done(transaction.run(kSetLive, {name, generation}));
}

Result<void> remove_projection(StateTransaction& transaction, std::string_view name) {
  return done(transaction.run(kRemove, {name}));
}

Result<GenerationRow> add_generation(StateTransaction& transaction, GenerationRow generation) {
  const auto next = transaction.run(kNextGeneration);
  if (!next) return std::unexpected(next.error());
  generation.id = next->integer(0, 0);
  std::string tables;
  for (const auto& table : generation.tables) tables.append(table).append(" ");
  auto added = done(transaction.run(
      kAddGeneration,
      {generation.id, generation.projection, std::int64_t{generation.version},
       std::int64_t{generation.workers}, kStatusNames[static_cast<std::size_t>(generation.status)],
       generation.store_id, generation.lineage_id, tables, generation.definition,
       sql_number(transaction.now())}));
  if (!added) return std::unexpected(std::move(added).error());
  added = add_workers(transaction, generation.id, generation.workers, {});
  if (!added) return std::unexpected(std::move(added).error());
  return generation;
}

Result<std::optional<GenerationRow>> find_generation(StateTransaction& transaction,
                                                     std::int64_t id) {
  const auto rows = transaction.run(kFindGeneration, {id});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return generation_of(*rows, 0);
}

Result<std::vector<GenerationRow>> list_generations(StateTransaction& transaction,
                                                    std::string_view projection) {
  return generations_of(transaction.run(kListGenerations, {projection}));
}

Result<std::vector<GenerationRow>> list_other_generations(StateTransaction& transaction,
                                                          std::string_view projection) {
  return generations_of(transaction.run(kListOtherGenerations, {projection}));
}

Result<void> set_status(StateTransaction& transaction, std::int64_t generation,
                        GenerationStatus status) {
  return done(
      transaction.run(kSetStatus, {generation, kStatusNames[static_cast<std::size_t>(status)]}));
}

Result<void> remove_generation(StateTransaction& transaction, std::int64_t generation) {
  for (const auto* sql : {kRemoveWorkers, kRemoveFailures}) {
    if (auto removed = done(transaction.run(sql, {generation})); !removed) return removed;
  }
  return done(transaction.run(kRemoveGeneration, {generation}));
}

Result<std::vector<WorkerRow>> list_workers(StateTransaction& transaction,
                                            std::int64_t generation) {
  const auto rows = transaction.run(kListWorkers, {generation});
  if (!rows) return std::unexpected(rows.error());
  std::vector<WorkerRow> found;
  found.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    found.push_back({.worker = static_cast<std::uint32_t>(rows->integer(row, 0)),
                     .position = rows->position(row, 1),
                     .fence = rows->integer(row, 2),
                     .events = static_cast<std::uint64_t>(rows->integer(row, 3)),
                     .stored_at = rows->time(row, 4)});
  }
  return found;
}

Result<void> set_fence(StateTransaction& transaction, std::int64_t generation, std::int64_t fence) {
  return done(transaction.run(kFence, {generation, fence}));
}

Result<void> set_workers(StateTransaction& transaction, std::int64_t generation,
                         std::uint32_t workers, GlobalPosition position, std::int64_t fence) {
  const auto present = list_workers(transaction, generation);
  if (!present) return std::unexpected(present.error());
  WorkerRow first{.position = position, .fence = fence};
  for (const auto& worker : *present) first.events += worker.events;
  auto changed = done(transaction.run(kRemoveWorkers, {generation}));
  if (!changed) return changed;
  changed = done(transaction.run(kSetWorkers, {generation, std::int64_t{workers}}));
  if (!changed) return changed;
  return add_workers(transaction, generation, workers, first);
}

Result<bool> move_worker(StateTransaction& transaction, const WorkerMove& move) {
  const auto rows = transaction.run(
      is_planted(Plant::FenceIgnored) ? kMoveUnfenced : kMove,
      {sql_number(move.to), static_cast<std::int64_t>(move.events), sql_number(transaction.now()),
       move.generation, std::int64_t{move.worker}, move.fence, sql_number(move.from)});
  if (!rows) return std::unexpected(rows.error());
  return rows->changed() == 1;
}

GlobalPosition least_position(std::span<const WorkerRow> workers) {
  if (workers.empty()) return {};
  return std::ranges::min_element(workers, {}, &WorkerRow::position)->position;
}

GlobalPosition greatest_position(std::span<const WorkerRow> workers) {
  if (workers.empty()) return {};
  return std::ranges::max_element(workers, {}, &WorkerRow::position)->position;
}

std::string lease_name(std::string_view projection) {
  return "projection/" + std::string(projection);
}

std::string rebuild_lease_name(std::string_view projection) {
  return "projection-rebuild/" + std::string(projection);
}

}  // namespace eventstore::projection
