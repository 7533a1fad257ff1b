#include <algorithm>
#include <chrono>
#include <utility>

#include "core/pause.hpp"
#include "core/posix_environment.hpp"
#include "core/utf8.hpp"
#include "projection/failure_rows.hpp"
#include "projection/worker.hpp"

// What a worker does about events that cannot be applied.
namespace eventstore::projection {
namespace {

constexpr std::size_t kErrorBytesMax = 2000;

}  // namespace

// In a transaction that is the next to be committed.
template <typename Change>
Worker::Outcome<> Worker::change(const Change& change) {
  const auto open = transaction();
  if (!open) return std::unexpected(open.error());
  auto changed = change(**open);
  if (!changed) return std::unexpected(failure_of(std::move(changed).error()));
  return {};
}

// Everything since the last commit is undone, and done again: what lies before the event that
// failed together, the event itself alone, the rest together again. Where it is not known which
// event it is, each alone.
std::optional<RunEnd> Worker::recover(Failure failure) {
  const auto batches = pending_;
  // Nothing of an event is in what failed.
  if (batches.empty()) return RunEnd{.kind = RunEnd::Kind::Broken, .error = failure.error};
  for (;;) {
    revert();
    if (!failure.position) return apply_each_alone(batches);
    const auto culprit = *failure.position;
    const GlobalPosition before{culprit.value - 1};
    auto done = apply_all(batches, before);
    if (done) done = commit(before);
    if (!done && done.error().kind != RunEnd::Kind::Failed) return end_of(std::move(done).error());
    if (!done) {
      failure.position.reset();
      continue;
    }
    for (const auto& batch : batches) {
      const auto events = batch->events.events();
      const auto event = std::ranges::lower_bound(events, culprit, {}, &EventView::position);
      if (event == events.end() || event->position != culprit) continue;
      const auto bucket = batch->buckets[static_cast<std::size_t>(event - events.begin())];
      if (auto end = apply_alone(*event, bucket, failure.error)) return end;
    }
    done = apply_all(batches, batches.back()->up_to);
    if (done) return std::nullopt;
    if (done.error().kind != RunEnd::Kind::Failed) return end_of(std::move(done).error());
    failure = std::move(done).error();
  }
}

std::optional<RunEnd> Worker::apply_each_alone(const std::vector<RoutedBatchPtr>& batches) {
  for (const auto& batch : batches) {
    const auto events = batch->events.events();
    for (std::size_t at = 0; at < events.size(); ++at) {
      if (!share_.has(batch->buckets[at]) || events[at].position <= committed_) continue;
      if (stop_.stop_requested()) return RunEnd{.kind = RunEnd::Kind::Stopped, .error = {}};
      if (auto end = apply_alone(events[at], batch->buckets[at], std::nullopt)) return end;
    }
  }
  applied_ = std::max(applied_, batches.back()->up_to);
  return std::nullopt;
}

// In transactions of its own, until one is committed.
std::optional<RunEnd> Worker::apply_alone(const EventView& event, std::uint32_t bucket,
                                          std::optional<Error> first_failure) {
  const auto& options = work_.options;
  ProjectionFailure failure{.projection = work_.generation.projection,
                            .position = event.position,
                            .stream = std::string(event.stream),
                            .type = std::string(event.type),
                            .state = FailureState::Retrying};
  for (auto error = std::move(first_failure);;) {
    if (error) {
      ++failure.attempts;
      failure.error = storable_text(error->message, kErrorBytesMax);
      if (options.on_failed_attempt) options.on_failed_attempt(failure);
      if (failure.attempts >= options.attempts_max) return give_up(std::move(failure));
      auto noted = change(
          [&](StateTransaction& open) { return note_attempt(open, work_.generation.id, failure); });
      // The checkpoint stays, but is looked at: nobody notes anything in another's place.
      if (noted) noted = commit_at(committed_);
      open_failures_.insert(event.position);
      if (!noted) return end_of(std::move(noted).error());
      const auto pause = pause_after(*posix_environment().random, failure.attempts,
                                     options.pause_min, options.pause_max);
      if (!wait_out(pause, stop_)) return RunEnd{.kind = RunEnd::Kind::Stopped, .error = {}};
    }
    auto done = apply(event, bucket);
    if (done) done = commit(event.position);
    if (done) return std::nullopt;
    if (done.error().kind != RunEnd::Kind::Failed) return end_of(std::move(done).error());
    revert();
    error = std::move(done).error().error;
  }
}

// The event is left out, or all stops before it.
std::optional<RunEnd> Worker::give_up(ProjectionFailure failure) {
  const auto policy = work_.options.on_failure;
  const bool stops = policy == FailurePolicy::Stop;
  failure.state = stops                           ? FailureState::Stopped
                  : policy == FailurePolicy::Park ? FailureState::Parked
                                                  : FailureState::Skipped;
  auto message = "event " + std::to_string(failure.position.value) + " (" + failure.type + " in " +
                 failure.stream + ") cannot be applied: " + failure.error;
  auto done = change([&](StateTransaction& open) -> Result<void> {
    auto noted = note_attempt(open, work_.generation.id, failure);
    // What fails in a rebuild does not stop the projection that is at work.
    if (noted && stops && work_.generation.status == GenerationStatus::Live) {
      noted = set_failure(open, failure.projection, message);
    }
    return noted;
  });
  open_failures_.erase(failure.position);
  if (done) done = commit_at(stops ? committed_ : failure.position);
  if (!done) return end_of(std::move(done).error());
  if (!stops) return std::nullopt;
  return RunEnd{.kind = RunEnd::Kind::Failed,
                .error = {.code = ErrorCode::InvalidArgument, .message = std::move(message)}};
}

}  // namespace eventstore::projection
