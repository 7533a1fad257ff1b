#include "projection/running_projection.hpp"

#include <algorithm>
#include <utility>

#include "core/pause.hpp"

namespace eventstore::projection {
namespace {

// How often somebody looks whether a pause was asked for.
constexpr auto kWatchPause = std::chrono::milliseconds(250);

Error not_in_time(const char* message) {
  return {.code = ErrorCode::DeadlineExceeded, .message = message};
}

}  // namespace

LeasedProjection::LeasedProjection(Subscriptions& subscriptions, StateDatabase& state,
                                   Projection& projection, const ProjectionOptions& options)
    : subscriptions_(subscriptions),
      state_(state),
      projection_(projection),
      options_(options),
      identity_(identity_of(subscriptions.store())),
      turns_(state, identity_, projection, options_),
      thread_([this](const std::stop_token& stop) { lead(stop); }) {}

LeasedProjection::~LeasedProjection() {
  thread_.request_stop();
  thread_.join();
}

void LeasedProjection::lead(const std::stop_token& stop) {
  auto end = work_until_end(stop);
  turns_.give_up();
  const MutexLock lock(mutex_);
  phase_ = ProjectionPhase::Ended;
  end_ = std::move(end);
  changed_.notify_all();
}

Result<void> LeasedProjection::work_until_end(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto turn = next_turn();
    if (!turn) {
      if (!pause_after_failure(turn.error(), stop)) return std::unexpected(turn.error());
      continue;
    }
    if (const auto* const none = std::get_if<NoTurn>(&*turn)) {
      const auto ended = wait_for_turn(*none, stop);
      if (!ended) return std::unexpected(ended.error());
      if (*ended) return {};
      continue;
    }
    const auto& todo = std::get<Turn>(*turn);
    auto end = work(todo, stop);
    switch (end.kind) {
      case RunEnd::Kind::Reached:
        if (!todo.align_at) return {};
        break;
      case RunEnd::Kind::Stopped:  // by a pause, or for good
      case RunEnd::Kind::Fenced:
        break;
      case RunEnd::Kind::Failed:
        return std::unexpected(std::move(end).error);
      case RunEnd::Kind::Broken:
        if (!pause_after_failure(end.error, stop)) return std::unexpected(std::move(end).error);
        break;
    }
  }
  return {};
}

Result<std::variant<Turn, NoTurn>> LeasedProjection::next_turn() {
  if (options_.once && !goal_) {
    const auto head = subscriptions_.store().head();
    if (!head) return std::unexpected(head.error());
    goal_ = *head;
  }
  return turns_.take();
}

// Answers true where whoever works has come as far as this one is to go.
Result<bool> LeasedProjection::wait_for_turn(const NoTurn& none, const std::stop_token& stop) {
  if (none.position) {
    const MutexLock lock(mutex_);
    position_ = *none.position;
    changed_.notify_all();
  }
  phase_ = none.phase;
  if (goal_ && none.position && *none.position >= *goal_) return true;
  if (options_.once && none.phase == ProjectionPhase::Paused) {
    return std::unexpected(Error{
        .code = ErrorCode::InvalidArgument,
        .message = "the projection " + std::string(projection_.name()) + " is paused: resume it"});
  }
  wait_out(none.look_again, stop);
  return false;
}

bool LeasedProjection::pause_after_failure(const Error& error, const std::stop_token& stop) {
  if (!error.is_retryable()) return false;
  if (options_.on_retry) options_.on_retry(error);
  backoff_.wait(stop);
  return true;
}

RunEnd LeasedProjection::work(const Turn& turn, const std::stop_token& stop) {
  const auto run =
      std::make_shared<GenerationRun>(subscriptions_,
                                      GenerationWork{.projection = projection_,
                                                     .state = state_,
                                                     .options = options_,
                                                     .generation = turn.generation,
                                                     .fence = turns_.fence()},
                                      turn.workers, turn.align_at ? turn.align_at : goal_);
  {
    const MutexLock lock(mutex_);
    run_ = run;
    changed_.notify_all();
  }
  phase_ = ProjectionPhase::Working;
  const auto begin = run->position();
  auto end = watch(*run, stop);
  if (run->position() > begin) backoff_.reset();
  const MutexLock lock(mutex_);
  position_ = run->position();
  run_.reset();
  changed_.notify_all();
  return end;
}

RunEnd LeasedProjection::watch(GenerationRun& run, const std::stop_token& stop) {
  // Ends the wait at once.
  const std::stop_callback on_stop(stop, [&run] { run.request_stop(); });
  const auto pause = std::min(kWatchPause, options_.lease / 3);
  for (;;) {
    auto end = run.wait(std::chrono::steady_clock::now() + pause);
    if (end) return *std::move(end);
    // While the state database does not answer, the workers will see it themselves.
    const auto may = turns_.may_go_on();
    if (may && !*may) run.request_stop();
  }
}

std::shared_ptr<GenerationRun> LeasedProjection::current() const {
  const MutexLock lock(mutex_);
  return run_;
}

GlobalPosition LeasedProjection::position() const {
  const MutexLock lock(mutex_);
  return run_ != nullptr ? run_->position() : position_;
}

Result<void> LeasedProjection::stop(Deadline deadline) {
  thread_.request_stop();
  return wait(deadline);
}

Result<void> LeasedProjection::wait(Deadline deadline) {
  MutexLock lock(mutex_);
  while (!end_) {
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && !end_) {
      return std::unexpected(not_in_time("the projection has not ended in time"));
    }
  }
  return *end_;
}

Result<void> LeasedProjection::wait_for(GlobalPosition position, Deadline deadline) {
  for (;;) {
    const auto run = current();
    if (run != nullptr && run->wait_for(position, deadline)) return {};
    MutexLock lock(mutex_);
    if (run_ != run) continue;
    if (run_ == nullptr && position_ >= position) return {};
    if (end_ && !*end_) return *end_;
    if (end_ || std::chrono::steady_clock::now() >= deadline) {
      return std::unexpected(not_in_time("the projection is not at that position yet"));
    }
    // A run that has ended is taken away, or another one begins.
    changed_.wait_until(lock, deadline);
  }
}

}  // namespace eventstore::projection
