#include "projection/turn.hpp"

#include <algorithm>
#include <utility>

#include "projection/generation_tables.hpp"

namespace eventstore::projection {
namespace {

// How often somebody looks whether a rebuild has taken its place.
constexpr auto kFrozenPause = std::chrono::milliseconds(5);
// And at most, whether another instance has ended.
constexpr auto kWaitingPause = std::chrono::milliseconds(250);

}  // namespace

StoreIdentity identity_of(EventStore& store) {
  const auto health = store.health();
  return {.store_id = health.store_id.to_string(), .lineage_id = health.lineage_id.to_string()};
}

Error was_reset(std::string_view projection) {
  return {.code = ErrorCode::Cancelled,
          .message = "the projection " + std::string(projection) + " was reset"};
}

Result<void> check_history(const GenerationRow& generation, const StoreIdentity& identity) {
  if (generation.store_id != identity.store_id || generation.lineage_id != identity.lineage_id) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument,
              .message = "what is stored of the projection " + generation.projection +
                         " is of another store, or of this one before it was restored: reset it"});
  }
  return {};
}

Result<void> check_fits(const GenerationRow& generation, const StoreIdentity& identity,
                        const Projection& projection) {
  if (auto ours = check_history(generation, identity); !ours) return ours;
  const auto version = projection.version();
  auto message = "what is stored of the projection " + generation.projection +
                 " is of its version " + std::to_string(generation.version);
  if (generation.version != version) {
    message += ", and this is version " + std::to_string(version) +
               (generation.version < version ? ": rebuild it" : ": it is out of date");
  } else if (!generation.definition.empty() && generation.definition != definition_of(projection)) {
    message +=
        ", as this is, but with other tables or another filter: give this one a higher"
        " version, and rebuild it";
  } else {
    return {};
  }
  return std::unexpected(
      Error{.code = ErrorCode::UnsupportedFormat, .message = std::move(message)});
}

GenerationRow new_generation(const Projection& projection, const StoreIdentity& identity,
                             std::uint32_t workers, GenerationStatus status) {
  GenerationRow generation{.projection = std::string(projection.name()),
                           .version = projection.version(),
                           .workers = workers,
                           .status = status,
                           .store_id = identity.store_id,
                           .lineage_id = identity.lineage_id,
                           .definition = definition_of(projection)};
  for (const auto& table : projection.tables()) generation.tables.push_back(table.name);
  return generation;
}

Result<std::vector<WorkerRow>> take_over(StateTransaction& transaction, GenerationRow& generation,
                                         std::uint32_t workers, std::int64_t fence) {
  if (auto fenced = set_fence(transaction, generation.id, fence); !fenced) {
    return std::unexpected(std::move(fenced).error());
  }
  auto rows = list_workers(transaction, generation.id);
  if (!rows || rows->size() == workers) return rows;
  const auto position = least_position(*rows);
  if (position != greatest_position(*rows)) return rows;
  auto changed = set_workers(transaction, generation.id, workers, position, fence);
  if (!changed) return std::unexpected(std::move(changed).error());
  generation.workers = workers;
  return list_workers(transaction, generation.id);
}

Result<std::variant<Turn, NoTurn>> TurnTaker::take() {
  const auto frozen = is_frozen();
  if (!frozen) return std::unexpected(frozen.error());
  if (*frozen) return NoTurn{.look_again = kFrozenPause};
  auto open = state_.begin(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  auto& transaction = **open;
  auto answer = lease_.hold(transaction);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (!answer->acquired) {
    const auto row = find_projection(transaction, projection_.name());
    if (!row) return std::unexpected(row.error());
    return no_turn(transaction, row->value_or(ProjectionRow{}));
  }
  const auto row = own_row(transaction);
  if (!row) return std::unexpected(row.error());
  if (row->is_paused || row->frozen_until > transaction.now()) {
    auto none = no_turn(transaction, *row);
    if (!none) return std::unexpected(std::move(none).error());
    // Whoever has the lease is to go on as soon as it may.
    if (!row->is_paused) none->look_again = kFrozenPause;
    if (auto kept = transaction.commit(); !kept) return std::unexpected(std::move(kept).error());
    lease_.keep(std::move(answer->lease));
    return *std::move(none);
  }
  if (row->frozen_until != Timestamp{}) {
    // A rebuild that froze it comes too late from now on.
    auto thawed = set_frozen_until(transaction, projection_.name(), {});
    if (!thawed) return std::unexpected(std::move(thawed).error());
  }
  auto generation = row->live_generation == 0 ? first_generation(transaction)
                                              : check_generation(transaction, row->live_generation);
  if (!generation) return std::unexpected(std::move(generation).error());
  auto turn = turn_of(transaction, *std::move(generation), answer->lease.fence);
  if (!turn) return std::unexpected(std::move(turn).error());
  if (auto done = transaction.commit(); !done) return std::unexpected(std::move(done).error());
  lease_.keep(std::move(answer->lease));
  generation_ = turn->generation.id;
  return *std::move(turn);
}

// The projection's, which stays as it is until the transaction ends; a new one where there is none.
// Fails with Cancelled where it was reset, and with InvalidArgument where it has stopped.
Result<ProjectionRow> TurnTaker::own_row(StateTransaction& transaction) {
  const std::string name(projection_.name());
  auto row = find_projection(transaction, name, /*is_to_stay=*/true);
  if (!row) return std::unexpected(std::move(row).error());
  if (!*row && generation_ != 0) {
    return std::unexpected(was_reset(name));
  }
  if (!*row) {
    if (auto added = add_projection(transaction, name); !added) {
      return std::unexpected(std::move(added).error());
    }
    return ProjectionRow{.name = name};
  }
  if ((*row)->failure) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument,
              .message = "the projection " + name +
                         " has stopped; resume it to try again: " + *(*row)->failure});
  }
  return **std::move(row);
}

// What whoever may not work now is told. Fails as check_generation(), unless a rebuild is making
// what fits.
Result<NoTurn> TurnTaker::no_turn(StateTransaction& transaction, const ProjectionRow& row) {
  NoTurn none{.phase = row.is_paused ? ProjectionPhase::Paused : ProjectionPhase::Waiting,
              .look_again = std::min(options_.lease / 3, kWaitingPause)};
  if (row.live_generation == 0) return none;
  const auto workers = list_workers(transaction, row.live_generation);
  if (!workers) return std::unexpected(workers.error());
  none.position = least_position(*workers);
  auto live = check_generation(transaction, row.live_generation);
  if (live) return none;
  const auto generations = list_generations(transaction, row.name);
  if (!generations) return std::unexpected(generations.error());
  const bool is_made = std::ranges::any_of(*generations, [&](const GenerationRow& generation) {
    return generation.status == GenerationStatus::Building &&
           check_fits(generation, identity_, projection_);
  });
  if (!is_made) return std::unexpected(std::move(live).error());
  return none;
}

// Whoever has the lease, and it is not to be renewed yet, looks without writing.
Result<bool> TurnTaker::is_frozen() {
  if (!lease_.lease() || lease_.is_due()) return false;
  auto open = state_.begin_read(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  const auto row = find_projection(**open, projection_.name());
  if (!row) return std::unexpected(row.error());
  return *row && (*row)->frozen_until > (*open)->now();
}

Result<GenerationRow> TurnTaker::first_generation(StateTransaction& transaction) {
  auto generation = add_generation(
      transaction,
      new_generation(projection_, identity_, options_.workers, GenerationStatus::Live));
  if (!generation) return generation;
  auto made = check_names(transaction, *generation);
  if (made) made = create_tables(transaction, *generation, projection_.tables());
  if (made) made = show_generation(transaction, *generation, nullptr);
  if (made) made = set_live_generation(transaction, projection_.name(), generation->id);
  if (!made) return std::unexpected(std::move(made).error());
  return generation;
}

Result<GenerationRow> TurnTaker::check_generation(StateTransaction& transaction, std::int64_t id) {
  auto found = find_generation(transaction, id);
  if (!found) return std::unexpected(std::move(found).error());
  if (!*found) {
    return std::unexpected(Error{.code = ErrorCode::Corruption,
                                 .message = "the state database has no generation " +
                                            std::to_string(id) + " of the projection " +
                                            std::string(projection_.name())});
  }
  auto fits = check_fits(**found, identity_, projection_);
  if (!fits) return std::unexpected(std::move(fits).error());
  return **std::move(found);
}

Result<Turn> TurnTaker::turn_of(StateTransaction& transaction, GenerationRow generation,
                                std::int64_t fence) const {
  auto workers = take_over(transaction, generation, options_.workers, fence);
  if (!workers) return std::unexpected(std::move(workers).error());
  Turn turn{.generation = std::move(generation), .workers = *std::move(workers)};
  if (turn.workers.size() != options_.workers) turn.align_at = greatest_position(turn.workers);
  return turn;
}

Result<bool> TurnTaker::may_go_on() {
  const auto kept = lease_.renew_in_time();
  if (!kept || !*kept) return kept;
  auto open = state_.begin_read(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  const auto row = find_projection(**open, projection_.name());
  if (!row) return std::unexpected(row.error());
  return *row && !(*row)->is_paused && (*row)->live_generation == generation_;
}

}  // namespace eventstore::projection
