#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <optional>
#include <thread>

#include "core/thread_annotations.hpp"
#include "eventstore/projections.hpp"
#include "projection/database_backoff.hpp"
#include "projection/generation_run.hpp"
#include "projection/turn.hpp"

namespace eventstore::projection {

// One instance of a projection: a thread that takes turns, and works in them.
//
// Ownership: borrows all but the options.
// Threads:   safe from any thread.
class LeasedProjection final : public RunningProjection {
 public:
  LeasedProjection(Subscriptions& subscriptions, StateDatabase& state, Projection& projection,
                   const ProjectionOptions& options);
  ~LeasedProjection() override;
  LeasedProjection(const LeasedProjection&) = delete;
  LeasedProjection& operator=(const LeasedProjection&) = delete;

  Result<void> stop(Deadline deadline) override EXCLUDES(mutex_);
  Result<void> wait(Deadline deadline) override EXCLUDES(mutex_);
  Result<void> wait_for(GlobalPosition position, Deadline deadline) override EXCLUDES(mutex_);
  GlobalPosition position() const override EXCLUDES(mutex_);
  ProjectionPhase phase() const override { return phase_; }

 private:
  void lead(const std::stop_token& stop);
  Result<void> work_until_end(const std::stop_token& stop);
  RunEnd work(const Turn& turn, const std::stop_token& stop);
  RunEnd watch(GenerationRun& run, const std::stop_token& stop);
  // Whether it is worth trying again: it was waited for that.
  Result<std::variant<Turn, NoTurn>> next_turn();
  Result<bool> wait_for_turn(const NoTurn& none, const std::stop_token& stop) EXCLUDES(mutex_);
  bool pause_after_failure(const Error& error, const std::stop_token& stop);
  std::shared_ptr<GenerationRun> current() const EXCLUDES(mutex_);

  Subscriptions& subscriptions_;
  StateDatabase& state_;
  Projection& projection_;
  const ProjectionOptions options_;
  const StoreIdentity identity_;
  TurnTaker turns_;
  std::optional<GlobalPosition> goal_;  // of one that runs once
  Backoff backoff_ = database_backoff();
  std::atomic<ProjectionPhase> phase_ = ProjectionPhase::Working;  // until it is known

  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::shared_ptr<GenerationRun> run_ GUARDED_BY(mutex_);  // shared with whoever waits for it
  GlobalPosition position_ GUARDED_BY(mutex_);             // while there is none
  std::optional<Result<void>> end_ GUARDED_BY(mutex_);

  std::jthread thread_;
};

}  // namespace eventstore::projection
