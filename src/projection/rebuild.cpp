#include "projection/rebuild.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "projection/generation_tables.hpp"

namespace eventstore::projection {
namespace {

// How long the live generation waits at most for the new one to take its place.
constexpr auto kFreeze = std::chrono::seconds(5);
// It is close enough to that when what is left takes about so long.
constexpr double kCloseSeconds = 0.2;
constexpr std::uint64_t kCloseEvents = 1000;
// Where less than this part is left of what was left before, it comes closer.
constexpr double kGain = 0.9;
constexpr auto kReportPause = std::chrono::milliseconds(250);
// No worker has it.
constexpr std::int64_t kNobody = -1;

Error cancelled() {
  return {.code = ErrorCode::Cancelled,
          .message = "the rebuild was asked to stop; the next goes on"};
}

Error overtaken(std::string_view projection) {
  return {.code = ErrorCode::Overloaded,
          .message =
              "another rebuild of the projection " + std::string(projection) + " has taken over"};
}

}  // namespace

Rebuild::Rebuild(Subscriptions& subscriptions, StateDatabase& state, Projection& projection,
                 const RebuildOptions& options)
    : subscriptions_(subscriptions),
      state_(state),
      projection_(projection),
      options_(options),
      identity_(identity_of(subscriptions.store())),
      lease_(state, rebuild_lease_name(projection.name()), options.run.owner, options.run.lease),
      restarts_(options.restart) {}

Result<bool> Rebuild::run() {
  for (;;) {
    auto done = run_to_switch();
    if (frozen_until_ != Timestamp{} && !done) thaw();
    if (done || !may_pass(done.error())) {
      // The new one is in place: what is left over costs room alone.
      if (has_switched_) static_cast<void>(remove_replaced());
      lease_.give_up();
      return done;
    }
    if (options_.run.on_retry) options_.run.on_retry(done.error());
    if (!backoff_.wait(options_.cancellation)) {
      lease_.give_up();
      return std::unexpected(cancelled());
    }
  }
}

// A failure of the databases since it has begun, as opposed to another rebuild that has the lease.
bool Rebuild::may_pass(const Error& error) const {
  return error.is_retryable() && lease_.lease();
}

Result<bool> Rebuild::run_to_switch() {
  auto begun = begin();
  if (!begun) return std::unexpected(std::move(begun).error());
  if (!*begun) return has_switched_;
  auto& pair = **begun;
  if (auto aligned = align(pair); !aligned) return std::unexpected(std::move(aligned).error());
  for (std::optional<std::uint64_t> left_before;;) {
    const auto until = least_position(pair.live_workers);
    if (auto done = advance(pair, until, until); !done) {
      return std::unexpected(std::move(done).error());
    }
    if (auto kept = keep_lease(); !kept) return std::unexpected(std::move(kept).error());
    if (auto read = refresh(pair); !read) return std::unexpected(std::move(read).error());
    const auto left = least_position(pair.live_workers).value - until.value;
    const bool is_close =
        left <= std::max(kCloseEvents, static_cast<std::uint64_t>(rate_ * kCloseSeconds));
    // A live one that has more to do than it can would be run after for ever. While it is frozen
    // this one gains on it, also where that is not enough to take its place.
    const bool gains =
        !left_before || static_cast<double>(left) < kGain * static_cast<double>(*left_before);
    left_before = left;
    if (!is_close && gains) continue;
    const auto switched = try_to_switch(pair);
    if (!switched) return std::unexpected(switched.error());
    if (*switched) return true;
  }
}

// Takes the lease, and finds or makes the two generations. Absent: there is no live one, or the
// switch has been made.
Result<std::optional<Rebuild::Pair>> Rebuild::begin() {
  auto open = state_.begin(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  auto& transaction = **open;
  const auto name = projection_.name();
  auto answer = lease_.hold(transaction);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (!answer->acquired) {
    return std::unexpected(Error{.code = ErrorCode::Overloaded,
                                 .message = "a rebuild of the projection " + std::string(name) +
                                            " is under way (" + answer->lease.owner + ")"});
  }
  const auto row = find_projection(transaction, name, /*is_to_stay=*/true);
  if (!row) return std::unexpected(row.error());
  if (!*row || (*row)->live_generation == 0) {
    if (began_from_) return std::unexpected(was_reset(name));
    return std::nullopt;
  }
  if (switch_ && (*row)->live_generation == switch_->next) {
    has_switched_ = true;
    return std::nullopt;
  }

  auto live = find_generation(transaction, (*row)->live_generation);
  if (!live) return std::unexpected(std::move(live).error());
  if (!*live) {
    return std::unexpected(
        Error{.code = ErrorCode::Corruption,
              .message = "the state database has no live generation of " + std::string(name)});
  }
  // Of whatever version: it is to be replaced.
  auto ours = check_history(**live, identity_);
  if (!ours) return std::unexpected(std::move(ours).error());
  auto next = next_generation(transaction);
  if (!next) return std::unexpected(std::move(next).error());
  auto next_workers = take_over(transaction, *next, options_.run.workers, answer->lease.fence);
  if (!next_workers) return std::unexpected(std::move(next_workers).error());
  auto live_workers = list_workers(transaction, (*row)->live_generation);
  if (!live_workers) return std::unexpected(std::move(live_workers).error());
  const auto head = subscriptions_.store().head();
  if (!head) return std::unexpected(head.error());
  if (least_position(*live_workers) > *head) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument,
              .message = "what is stored of the projection " + std::string(name) +
                         " goes beyond the store, which was restored or is another: reset it"});
  }
  if (auto done = transaction.commit(); !done) return std::unexpected(std::move(done).error());
  lease_.keep(std::move(answer->lease));
  restarts_ = false;
  // Not beyond where a generation begins that had to be begun anew meanwhile.
  const auto from = least_position(*next_workers);
  began_from_ = std::min(began_from_.value_or(from), from);
  return Pair{.live = **std::move(live),
              .live_workers = *std::move(live_workers),
              .next = *std::move(next),
              .next_workers = *std::move(next_workers)};
}

// One that an earlier rebuild has begun, where it is of this version; the others go.
Result<GenerationRow> Rebuild::next_generation(StateTransaction& transaction) {
  auto found = list_generations(transaction, projection_.name());
  if (!found) return std::unexpected(std::move(found).error());
  std::optional<GenerationRow> next;
  for (auto& generation : *found) {
    if (generation.status == GenerationStatus::Live) continue;
    if (generation.status == GenerationStatus::Building && !restarts_ &&
        check_fits(generation, identity_, projection_)) {
      next = std::move(generation);
      continue;
    }
    // First the rows: whoever still works on it commits nothing more.
    auto removed = remove_generation(transaction, generation.id);
    if (removed) removed = drop_tables(transaction, generation);
    if (!removed) return std::unexpected(std::move(removed).error());
  }
  if (next) return *std::move(next);
  auto added = add_generation(
      transaction,
      new_generation(projection_, identity_, options_.run.workers, GenerationStatus::Building));
  if (!added) return added;
  auto made = check_names(transaction, *added);
  if (made) made = create_tables(transaction, *added, projection_.tables());
  if (!made) return std::unexpected(std::move(made).error());
  return added;
}

// An earlier rebuild may have had another number of workers.
Result<void> Rebuild::align(Pair& pair) {
  if (pair.next_workers.size() == options_.run.workers) return {};
  const auto until = greatest_position(pair.next_workers);
  // One that died at its switch may have been beyond the live one's slowest worker.
  const auto effects_after = std::min(until, least_position(pair.live_workers));
  if (auto done = advance(pair, until, effects_after); !done) return done;
  auto open = state_.begin(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  auto workers = take_over(**open, pair.next, options_.run.workers, lease_.lease()->fence);
  if (!workers) return std::unexpected(std::move(workers).error());
  pair.next_workers = *std::move(workers);
  return (*open)->commit();
}

Result<void> Rebuild::advance(Pair& pair, GlobalPosition until, GlobalPosition effects_after) {
  if (least_position(pair.next_workers) >= until) return {};
  GenerationRun run(subscriptions_,
                    {.projection = projection_,
                     .state = state_,
                     .options = options_.run,
                     .generation = pair.next,
                     .fence = lease_.lease()->fence,
                     .effects_after = effects_after},
                    pair.next_workers, until);
  if (auto done = watch(run, until); !done) return done;
  backoff_.reset();
  return refresh(pair);
}

Result<void> Rebuild::watch(GenerationRun& run, GlobalPosition until) {
  const std::stop_callback on_stop(options_.cancellation, [&run] { run.request_stop(); });
  for (;;) {
    auto end = run.wait(std::chrono::steady_clock::now() + kReportPause);
    report(run.position(), until);
    if (!end) {
      // While the state database does not answer, the workers will see it themselves.
      auto kept = keep_lease();
      if (!kept && kept.error().code == ErrorCode::Overloaded) return kept;
      continue;
    }
    switch (end->kind) {
      case RunEnd::Kind::Reached:
        return {};
      case RunEnd::Kind::Stopped:
        return std::unexpected(cancelled());
      case RunEnd::Kind::Fenced:
        return std::unexpected(why_fenced());
      case RunEnd::Kind::Failed:
      case RunEnd::Kind::Broken:
        return std::unexpected(std::move(end->error));
    }
  }
}

// What took its work away.
Error Rebuild::why_fenced() {
  auto open = state_.begin_read(row_deadline());
  if (!open) return std::move(open).error();
  const auto row = find_projection(**open, projection_.name());
  if (!row) return row.error();
  return *row ? overtaken(projection_.name()) : was_reset(projection_.name());
}

// Fails with Overloaded where the lease is another's by now.
Result<void> Rebuild::keep_lease() {
  const auto kept = lease_.renew_in_time();
  if (!kept) return std::unexpected(kept.error());
  if (!*kept) return std::unexpected(overtaken(projection_.name()));
  return {};
}

void Rebuild::report(GlobalPosition position, GlobalPosition target) {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began_at_;
  rate_ = static_cast<double>(position.value - began_from_->value) / elapsed.count();
  if (!options_.on_progress) return;
  using std::chrono::milliseconds;
  RebuildProgress progress{.position = position,
                           .target = target,
                           .positions_per_second = rate_,
                           .elapsed = std::chrono::duration_cast<milliseconds>(elapsed)};
  if (rate_ > 0 && target >= position) {
    const auto left = static_cast<double>(target.value - position.value);
    progress.remaining = milliseconds(static_cast<std::int64_t>(left / rate_ * 1000));
  }
  options_.on_progress(progress);
}

// Where the workers of both have come to.
Result<void> Rebuild::refresh(Pair& pair) {
  auto open = state_.begin_read(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  auto live = list_workers(**open, pair.live.id);
  if (!live) return std::unexpected(std::move(live).error());
  auto next = list_workers(**open, pair.next.id);
  if (!next) return std::unexpected(std::move(next).error());
  if (live->empty() || next->empty()) {
    return std::unexpected(was_reset(projection_.name()));
  }
  pair.live_workers = *std::move(live);
  pair.next_workers = *std::move(next);
  return {};
}

// False: it took too long, or somebody was in the way.
Result<bool> Rebuild::try_to_switch(Pair& pair) {
  const auto frozen = freeze(pair);
  if (!frozen || !*frozen) return frozen;
  // Nobody has seen more than the live workers have committed. What some of them have not done yet
  // had no effects outside.
  Result<void> done;
  if (!is_planted(Plant::SwitchTooEarly)) {
    done = advance(pair, greatest_position(pair.live_workers), least_position(pair.live_workers));
  }
  if (!done) return std::unexpected(std::move(done).error());
  const auto switched = put_in_place(pair);
  if (switched && !*switched) thaw();
  return switched;
}

Result<bool> Rebuild::freeze(Pair& pair) {
  auto open = state_.begin(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  auto& transaction = **open;
  const auto row = find_projection(transaction, projection_.name(), /*is_to_stay=*/true);
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::unexpected(was_reset(projection_.name()));
  if ((*row)->live_generation != pair.live.id) {
    return std::unexpected(overtaken(projection_.name()));
  }
  const auto held = holds_lease(transaction, *lease_.lease());
  if (!held) return held;
  if (!*held) return std::unexpected(overtaken(projection_.name()));
  const auto until = transaction.now() + kFreeze;
  auto done = set_frozen_until(transaction, projection_.name(), until);
  if (done) done = set_fence(transaction, pair.live.id, kNobody);
  if (!done) return std::unexpected(std::move(done).error());
  auto workers = list_workers(transaction, pair.live.id);
  if (!workers) return std::unexpected(std::move(workers).error());
  if (done = transaction.commit(); !done) return std::unexpected(std::move(done).error());
  frozen_until_ = until;
  pair.live_workers = *std::move(workers);
  return true;
}

Result<bool> Rebuild::put_in_place(const Pair& pair) {
  auto open = state_.begin(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  auto& transaction = **open;
  const auto name = projection_.name();
  const auto row = find_projection(transaction, name, /*is_to_stay=*/true);
  if (!row) return std::unexpected(row.error());
  const bool is_frozen = *row && (*row)->live_generation == pair.live.id &&
                         (*row)->frozen_until == frozen_until_ && transaction.now() < frozen_until_;
  if (!is_frozen) return false;
  const auto held = holds_lease(transaction, *lease_.lease());
  if (!held) return held;
  if (!*held) return std::unexpected(overtaken(name));

  auto done = set_status(transaction, pair.live.id, GenerationStatus::Old);
  if (done) done = set_status(transaction, pair.next.id, GenerationStatus::Live);
  if (done) done = set_live_generation(transaction, name, pair.next.id);
  if (done) done = set_frozen_until(transaction, name, {});
  if (done) done = set_failure(transaction, name, std::nullopt);
  if (done) done = show_generation(transaction, pair.next, &pair.live);
  if (!done) return std::unexpected(std::move(done).error());
  switch_ = {.next = pair.next.id, .replaced = pair.live};
  if (done = transaction.commit(); !done) return std::unexpected(std::move(done).error());
  has_switched_ = true;
  frozen_until_ = {};
  return true;
}

// The live generation need not wait for the time to pass.
void Rebuild::thaw() {
  const auto until = std::exchange(frozen_until_, {});
  auto open = state_.begin(row_deadline());
  if (!open) return;
  const auto row = find_projection(**open, projection_.name(), /*is_to_stay=*/true);
  if (!row || !*row || (*row)->frozen_until != until) return;
  if (set_frozen_until(**open, projection_.name(), {})) static_cast<void>((*open)->commit());
}

Result<void> Rebuild::remove_replaced() {
  auto open = state_.begin(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  auto removed = remove_generation(**open, switch_->replaced.id);
  if (removed) removed = drop_tables(**open, switch_->replaced);
  if (removed) removed = (*open)->commit();
  return removed;
}

}  // namespace eventstore::projection
