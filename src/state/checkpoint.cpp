#include "eventstore/checkpoint.hpp"

#include <chrono>
#include <utility>

#include "eventstore/validate.hpp"

namespace eventstore {
namespace {

constexpr const char* kFirst =
    "INSERT INTO state_checkpoints (name, position, stored_at) VALUES ($1, $2, $3)"
    " ON CONFLICT (name) DO UPDATE SET position = excluded.position, stored_at = excluded.stored_at"
    " WHERE state_checkpoints.position = 0 AND excluded.position > 0";
constexpr const char* kNext =
    "UPDATE state_checkpoints SET position = $2, stored_at = $3 WHERE name = $1 AND position = $4";
constexpr const char* kLoad =
    "SELECT name, position, stored_at FROM state_checkpoints WHERE name = $1";
constexpr const char* kList =
    "SELECT name, position, stored_at FROM state_checkpoints"
    " WHERE substr(name, 1, length($1)) = $1 ORDER BY name";
constexpr const char* kRemove = "DELETE FROM state_checkpoints WHERE name = $1";

Checkpoint checkpoint_at(const SqlRows& rows, std::size_t row) {
  return {.name = std::string(rows.text(row, 0)),
          .position = rows.position(row, 1),
          .stored_at = rows.time(row, 2)};
}

}  // namespace

Result<CheckpointOutcome> store_checkpoint(StateTransaction& transaction, std::string_view name,
                                           GlobalPosition expected, GlobalPosition next) {
  if (auto valid = validate_checkpoint_name(name); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  if (next < expected) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                 .message = "a checkpoint does not go back: remove it instead"});
  }
  const auto now = transaction.now();
  const auto at = sql_number(now);
  auto moved = expected == GlobalPosition{}
                   ? transaction.run(kFirst, {name, sql_number(next), at})
                   : transaction.run(kNext, {name, sql_number(next), at, sql_number(expected)});
  if (!moved) return std::unexpected(std::move(moved).error());
  if (moved->changed() == 1) return CheckpointOutcome::Stored;

  const auto there = load_checkpoint(transaction, name);
  if (!there) return std::unexpected(there.error());
  if (!*there) return CheckpointOutcome::Mismatch;
  const auto position = (*there)->position;
  if (position == next) return CheckpointOutcome::AlreadyThere;
  return position > next ? CheckpointOutcome::Behind : CheckpointOutcome::Mismatch;
}

Result<std::optional<Checkpoint>> load_checkpoint(StateTransaction& transaction,
                                                  std::string_view name) {
  const auto rows = transaction.run(kLoad, {name});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return checkpoint_at(*rows, 0);
}

Result<std::vector<Checkpoint>> list_checkpoints(StateTransaction& transaction,
                                                 std::string_view prefix) {
  const auto rows = transaction.run(kList, {prefix});
  if (!rows) return std::unexpected(rows.error());
  std::vector<Checkpoint> checkpoints;
  checkpoints.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    checkpoints.push_back(checkpoint_at(*rows, row));
  }
  return checkpoints;
}

Result<bool> remove_checkpoint(StateTransaction& transaction, std::string_view name) {
  const auto removed = transaction.run(kRemove, {name});
  if (!removed) return std::unexpected(removed.error());
  return removed->changed() > 0;
}

}  // namespace eventstore
