#include "eventstore/projections.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "core/pause.hpp"
#include "core/posix_environment.hpp"
#include "projection/failure_rows.hpp"
#include "projection/generation_tables.hpp"
#include "projection/rebuild.hpp"
#include "projection/running_projection.hpp"
#include "projection/status.hpp"

namespace eventstore {
namespace {

using projection::documents_view;
using projection::drop_tables;
using projection::drop_views;
using projection::find_generation;
using projection::find_projection;
using projection::GenerationRow;
using projection::GenerationStatus;
using projection::LeasedProjection;
using projection::least_position;
using projection::list_failure_hours;
using projection::list_failures;
using projection::list_generations;
using projection::list_projections;
using projection::list_workers;
using projection::Rebuild;
using projection::remove_failure_hours;
using projection::remove_generation;
using projection::remove_projection;
using projection::row_deadline;
using projection::set_failure;
using projection::set_paused;
using projection::status_of;
using projection::validate_projection_name;
using projection::validate_tables;

constexpr std::uint32_t kWorkersMax = 64;
constexpr auto kLeaseMin = std::chrono::milliseconds(100);
// wait_for() looks again after pauses from the first to the second length.
constexpr auto kLookMin = std::chrono::milliseconds(1);
constexpr auto kLookMax = std::chrono::milliseconds(20);
constexpr auto kCancellationPause = std::chrono::milliseconds(50);

Result<void> check(const Projection& projection, const ProjectionOptions& options) {
  if (auto valid = validate_projection_name(projection.name()); !valid) return valid;
  if (auto valid = validate_tables(projection.tables()); !valid) return valid;
  const auto refuse = [](const char* message) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument, .message = message});
  };
  if (projection.version() == 0) return refuse("a projection's version is at least 1");
  if (options.workers == 0 || options.workers > kWorkersMax) {
    return refuse("a projection has 1 to 64 workers");
  }
  if (options.transaction_events_max == 0) return refuse("a transaction has at least one event");
  if (options.attempts_max == 0) return refuse("an event is tried at least once");
  if (options.pause_min.count() < 0 || options.pause_max < options.pause_min) {
    return refuse("pauses go from the shorter to the longer");
  }
  if (options.lease < kLeaseMin) return refuse("a lease is for 100 ms at least");
  return {};
}

Error never_run(std::string_view name) {
  return {.code = ErrorCode::NotFound,
          .message = "there is no projection " + std::string(name) +
                     " in this store: it has not"
                     " run yet"};
}

// Until it has ended, or waits for another instance, which has made one meanwhile.
Result<void> wait_for_first(RunningProjection& running, const std::stop_token& cancellation) {
  while (!cancellation.stop_requested()) {
    auto ended = running.wait(std::chrono::steady_clock::now() + kCancellationPause);
    if (ended || ended.error().code != ErrorCode::DeadlineExceeded) return ended;
    if (running.phase() == ProjectionPhase::Waiting) return {};
  }
  return {};
}

}  // namespace

class Projections::Impl {
 public:
  Impl(Subscriptions& subscriptions, StateDatabase& state)
      : subscriptions_(subscriptions), state_(state) {}

  Subscriptions& subscriptions() { return subscriptions_; }
  StateDatabase& state() { return state_; }
  EventStore& store() { return subscriptions_.store(); }

  // In a transaction that only reads.
  template <typename Read>
  auto read(const Read& read) -> decltype(read(std::declval<StateTransaction&>())) {
    auto open = state_.begin_read(row_deadline());
    if (!open) return std::unexpected(std::move(open).error());
    return read(**open);
  }

  // In a transaction that is committed where it answers true; again where others were in the way.
  template <typename Change>
  Result<bool> change(const Change& change) {
    for (std::uint32_t failures = 0;;) {
      auto done = change_once(change);
      if (done || done.error().code != ErrorCode::Overloaded || ++failures == 10) return done;
      wait_out(pause_after(*posix_environment().random, failures, kLookMin, kLookMax), {});
    }
  }

  // The same with the live generation, once more where a rebuild has taken it away meanwhile.
  template <typename Read>
  auto read_live(std::string_view name, const Read& read)
      -> decltype(read(std::declval<StateTransaction&>(), GenerationRow{})) {
    for (std::int64_t before = 0;;) {
      auto open = state_.begin_read(row_deadline());
      if (!open) return std::unexpected(std::move(open).error());
      const auto generation = live(**open, name);
      if (!generation) return std::unexpected(generation.error());
      auto found = read(**open, *generation);
      if (found || found.error().code != ErrorCode::InvalidArgument) return found;
      if (generation->id == before) return found;
      before = generation->id;
    }
  }

  struct Progress {
    std::optional<GlobalPosition> position;  // absent: it has never run
    std::optional<std::string> failure = {};
  };
  Result<Progress> progress(std::string_view name) {
    return read([&](StateTransaction& open) -> Result<Progress> {
      const auto row = find_projection(open, name);
      if (!row) return std::unexpected(row.error());
      if (!*row) return Progress{};
      const auto workers = list_workers(open, (*row)->live_generation);
      if (!workers) return std::unexpected(workers.error());
      return Progress{.position = least_position(*workers), .failure = (*row)->failure};
    });
  }

  // Fails with NotFound.
  Result<GenerationRow> live(StateTransaction& transaction, std::string_view name) {
    const auto row = find_projection(transaction, name);
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::unexpected(never_run(name));
    auto generation = find_generation(transaction, (*row)->live_generation);
    if (!generation) return std::unexpected(std::move(generation).error());
    if (!*generation) return std::unexpected(never_run(name));
    return **std::move(generation);
  }

 private:
  template <typename Change>
  Result<bool> change_once(const Change& change) {
    auto open = state_.begin(row_deadline());
    if (!open) return std::unexpected(std::move(open).error());
    auto changed = change(**open);
    if (!changed || !*changed) return changed;
    if (auto done = (*open)->commit(); !done) return std::unexpected(std::move(done).error());
    return true;
  }

  Subscriptions& subscriptions_;
  StateDatabase& state_;
};

Projections::Projections(Subscriptions& subscriptions, StateDatabase& state)
    : impl_(std::make_unique<Impl>(subscriptions, state)) {}
Projections::~Projections() = default;

Result<std::unique_ptr<RunningProjection>> Projections::run(Projection& projection,
                                                            const ProjectionOptions& options) {
  if (auto valid = check(projection, options); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  // A filter that no subscription takes is told at once.
  auto tried = impl_->subscriptions().open({.filter = projection.filter()});
  if (!tried && !tried.error().is_retryable()) return std::unexpected(std::move(tried).error());
  return std::make_unique<LeasedProjection>(impl_->subscriptions(), impl_->state(), projection,
                                            options);
}

Result<void> Projections::rebuild(Projection& projection, const RebuildOptions& options) {
  if (auto valid = check(projection, options.run); !valid) return valid;
  auto once = options.run;
  once.once = true;
  for (;;) {
    Rebuild rebuild(impl_->subscriptions(), impl_->state(), projection, options);
    const auto done = rebuild.run();
    if (!done) return std::unexpected(done.error());
    if (*done) return {};
    // There is none to take the place of.
    const auto running = run(projection, once);
    if (!running) return std::unexpected(running.error());
    auto ended = wait_for_first(**running, options.cancellation);
    if (!ended) return ended;
    if (options.cancellation.stop_requested()) {
      return std::unexpected(
          Error{.code = ErrorCode::Cancelled, .message = "the rebuild was asked to stop"});
    }
    if ((*running)->phase() == ProjectionPhase::Ended) return {};
  }
}

Result<std::vector<ProjectionStatus>> Projections::list() {
  return impl_->read([&](StateTransaction& open) -> Result<std::vector<ProjectionStatus>> {
    const auto rows = list_projections(open);
    if (!rows) return std::unexpected(rows.error());
    std::vector<ProjectionStatus> all;
    for (const auto& row : *rows) {
      auto status = status_of(open, impl_->store(), row);
      if (!status) return std::unexpected(std::move(status).error());
      all.push_back(*std::move(status));
    }
    return all;
  });
}

Result<std::optional<ProjectionStatus>> Projections::status(std::string_view name) {
  return impl_->read([&](StateTransaction& open) -> Result<std::optional<ProjectionStatus>> {
    const auto row = find_projection(open, name);
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::nullopt;
    return status_of(open, impl_->store(), **row);
  });
}

Result<bool> Projections::pause(std::string_view name) {
  return impl_->change([&](StateTransaction& open) { return set_paused(open, name, true); });
}

Result<bool> Projections::resume(std::string_view name) {
  return impl_->change([&](StateTransaction& open) -> Result<bool> {
    auto resumed = set_paused(open, name, false);
    if (!resumed || !*resumed) return resumed;
    if (auto cleared = set_failure(open, name, std::nullopt); !cleared) {
      return std::unexpected(std::move(cleared).error());
    }
    return true;
  });
}

Result<bool> Projections::reset(std::string_view name) {
  return impl_->change([&](StateTransaction& open) -> Result<bool> {
    const auto row = find_projection(open, name, /*is_to_stay=*/true);
    if (!row) return std::unexpected(row.error());
    if (!*row) return false;
    const auto generations = list_generations(open, name);
    if (!generations) return std::unexpected(generations.error());
    // First the rows: whoever works on one commits nothing more.
    for (const auto& generation : *generations) {
      auto removed = remove_generation(open, generation.id);
      const bool is_live = generation.status == GenerationStatus::Live;
      if (removed && is_live) removed = drop_views(open, generation);
      if (removed) removed = drop_tables(open, generation);
      if (!removed) return std::unexpected(std::move(removed).error());
    }
    auto removed = remove_failure_hours(open, name);
    if (removed) removed = remove_projection(open, name);
    if (!removed) return std::unexpected(std::move(removed).error());
    return true;
  });
}

Result<std::optional<std::string>> Projections::document(std::string_view name,
                                                         std::string_view key) {
  return impl_->read_live(
      name,
      [&](StateTransaction& open,
          const GenerationRow& generation) -> Result<std::optional<std::string>> {
        const auto rows = open.run(
            "SELECT document FROM " + documents_view(generation.projection) + " WHERE key = $1",
            {key});
        if (!rows) return std::unexpected(rows.error());
        if (rows->empty()) return std::nullopt;
        return std::string(rows->text(0, 0));
      });
}

Result<std::vector<ProjectionDocument>> Projections::documents(std::string_view name,
                                                               std::string_view after,
                                                               std::uint64_t limit) {
  return impl_->read_live(
      name,
      [&](StateTransaction& open,
          const GenerationRow& generation) -> Result<std::vector<ProjectionDocument>> {
        const auto most = std::min<std::uint64_t>(limit, std::numeric_limits<std::int64_t>::max());
        const auto rows =
            open.run("SELECT key, document FROM " + documents_view(generation.projection) +
                         " WHERE key > $1 ORDER BY key LIMIT $2",
                     {after, static_cast<std::int64_t>(most)});
        if (!rows) return std::unexpected(rows.error());
        std::vector<ProjectionDocument> documents;
        documents.reserve(rows->size());
        for (std::size_t row = 0; row < rows->size(); ++row) {
          documents.push_back(
              {.key = std::string(rows->text(row, 0)), .text = std::string(rows->text(row, 1))});
        }
        return documents;
      });
}

Result<void> Projections::wait_for(std::string_view name, GlobalPosition position,
                                   Deadline deadline) {
  for (std::uint32_t looks = 1;; ++looks) {
    const auto progress = impl_->progress(name);
    if (!progress) return std::unexpected(progress.error());
    if (progress->position >= position) return {};
    if (progress->failure) {
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument, .message = *progress->failure});
    }
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds(0)) {
      if (!progress->position) return std::unexpected(never_run(name));
      return std::unexpected(
          Error{.code = ErrorCode::DeadlineExceeded,
                .message = "the projection " + std::string(name) + " is not at that position yet"});
    }
    const auto pause = std::min<std::chrono::nanoseconds>(
        left, pause_after(*posix_environment().random, looks, kLookMin, kLookMax));
    wait_out(std::chrono::ceil<std::chrono::milliseconds>(pause), {});
  }
}

Result<std::vector<ProjectionFailure>> Projections::failures(std::string_view name,
                                                             std::uint64_t limit) {
  return impl_->read([&](StateTransaction& open) { return list_failures(open, name, limit); });
}

Result<std::vector<FailureHour>> Projections::failure_hours(std::string_view name,
                                                            std::uint64_t hours) {
  return impl_->read([&](StateTransaction& open) { return list_failure_hours(open, name, hours); });
}

}  // namespace eventstore
