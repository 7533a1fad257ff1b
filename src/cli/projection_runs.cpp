#include "cli/projection_runs.hpp"

#include <algorithm>
#include <stop_token>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eventstore/builtin_projections.hpp"

namespace eventstore::cli {
namespace {

using std::chrono::steady_clock;

// How often progress is shown.
constexpr auto kLook = std::chrono::milliseconds(200);
// A shorter wait, as for a rebuild that takes its place, is not worth a word.
constexpr auto kWaitWorthAWord = std::chrono::seconds(1);

std::string_view phase_text(ProjectionPhase phase) {
  switch (phase) {
    case ProjectionPhase::Waiting:
      return ", waiting";
    case ProjectionPhase::Paused:
      return ", paused";
    case ProjectionPhase::Working:
    case ProjectionPhase::Ended:
      return "";
  }
  return "";
}

// How far the projection is; absent: not known yet.
std::optional<GlobalPosition> position_of(const ProjectionRuns::Run& run) {
  const bool works = run.has_ended || run.phase == ProjectionPhase::Working;
  return works ? run.running->position() : run.stored;
}

std::uint64_t sum_of_positions(std::span<const ProjectionRuns::Run> runs) {
  std::uint64_t sum = 0;
  for (const auto& run : runs) sum += run.running->position().value;
  return sum;
}

}  // namespace

void NoticeBoard::add(std::string_view level, std::string message) {
  const std::lock_guard lock(mutex_);
  if (notices_.size() == kNoticesMax) notices_.pop_front();
  notices_.push_back({.level = level, .message = std::move(message)});
}

std::vector<NoticeBoard::Notice> NoticeBoard::take() {
  const std::lock_guard lock(mutex_);
  std::vector<Notice> taken(notices_.begin(), notices_.end());
  notices_.clear();
  return taken;
}

ProjectionRuns::ProjectionRuns(Session& session, EventStore& store, Projections& projections)
    : session_(session), store_(store), projections_(projections), progress_("applied") {}

Expected<void> ProjectionRuns::start(const std::vector<std::string>& names,
                                     ProjectionOptions options) {
  options.on_failed_attempt = [this](const ProjectionFailure& failure) {
    notices_.add("warning",
                 fmt::format("projection \"{}\": attempt {} at event {} ({} in {}) failed: {}",
                             failure.projection, failure.attempts, failure.position.value,
                             failure.type, failure.stream, failure.error));
  };
  options.on_retry = [this](const Error& error) {
    notices_.add("warning", "trying again: " + error.message);
  };
  once_ = options.once;
  began_at_ = steady_clock::now();
  for (const auto& name : names) {
    Run run{.name = name, .projection = make_builtin_projection(name), .since = began_at_};
    auto running = projections_.run(*run.projection, options);
    if (!running) return std::unexpected(Failure(std::move(running).error()));
    run.running = *std::move(running);
    runs_.push_back(std::move(run));
  }
  began_from_ = sum_of_positions(runs_);
  return {};
}

void ProjectionRuns::wait(const Interrupt& interrupt) {
  const std::stop_callback stop_all(interrupt.token(), [this] {
    for (const auto& run : runs_) static_cast<void>(run.running->stop(Deadline::min()));
  });
  for (;;) {
    const auto next = std::ranges::find(runs_, false, &Run::has_ended);
    if (next == runs_.end()) break;
    // Its outcome is asked for below.
    static_cast<void>(next->running->wait(steady_clock::now() + kLook));
    for (auto& run : runs_) {
      if (look(run)) tell_what_it_waits_for(run);
    }
    show_notices();
    if (progress_.is_due()) show_progress();
  }
  progress_.clear();
}

// False: it has ended.
bool ProjectionRuns::look(Run& run) {
  if (run.has_ended) return false;
  if (run.running->phase() == ProjectionPhase::Ended) {
    const auto end = run.running->wait(Deadline::max());
    if (!end) run.failure = end.error();
    run.has_ended = true;
    return false;
  }
  const auto before = std::exchange(run.phase, phase_of(run));
  if (before != run.phase) {
    if (run.is_told) tell_that_it_goes_on(run, before);
    run.since = steady_clock::now();
    run.is_told = false;
  }
  return true;
}

// Of one that waits for another instance it is the stored projection that tells whether it is
// paused.
ProjectionPhase ProjectionRuns::phase_of(Run& run) {
  const auto phase = run.running->phase();
  if (phase != ProjectionPhase::Waiting && phase != ProjectionPhase::Paused) return phase;
  const auto status = projections_.status(run.name);
  if (!status || !*status) return phase;  // whoever works has the same trouble, and tells it
  run.stored = (*status)->position;
  return (*status)->state == ProjectionState::Paused ? ProjectionPhase::Paused : phase;
}

void ProjectionRuns::tell_what_it_waits_for(Run& run) {
  if (run.is_told) return;
  if (run.phase == ProjectionPhase::Paused) {
    run.is_told = true;
    notices_.add(
        "warning",
        fmt::format("projection \"{}\" is paused, until `event-store projection resume {}`",
                    run.name, run.name));
  }
  if (run.phase == ProjectionPhase::Waiting && steady_clock::now() - run.since >= kWaitWorthAWord) {
    run.is_told = true;
    notices_.add(
        "warning",
        fmt::format("projection \"{}\" waits for another process to end, which works on it; "
                    "`event-store projection status {}` says which",
                    run.name, run.name));
  }
}

void ProjectionRuns::tell_that_it_goes_on(const Run& run, ProjectionPhase before) {
  if (before == ProjectionPhase::Paused) {
    notices_.add("info", fmt::format("projection \"{}\" was resumed", run.name));
  } else if (run.phase == ProjectionPhase::Working) {
    notices_.add("info", fmt::format("projection \"{}\": this process has taken over", run.name));
  }
}

void ProjectionRuns::show_notices() {
  const auto notices = notices_.take();
  if (!notices.empty()) progress_.clear();
  for (const auto& notice : notices) print_notice(session_, notice.level, notice.message);
}

void ProjectionRuns::show_progress() {
  const auto head = store_.head();
  if (!head) return;  // whoever works has the same trouble, and tells it
  std::vector<std::string> parts;
  parts.reserve(runs_.size());
  for (const auto& run : runs_) {
    const auto position = position_of(run);
    const auto place = position ? fmt::format(" at {} of {}", with_thousands(position->value),
                                              with_thousands(head->value))
                                : "";
    parts.push_back(fmt::format("{}{}{}", run.name, place, phase_text(run.phase)));
  }
  std::string rate;
  if (once_) {
    const std::chrono::duration<double> elapsed = steady_clock::now() - began_at_;
    const auto gone = sum_of_positions(runs_) - began_from_;
    const auto per_second = static_cast<double>(gone) / elapsed.count();
    rate = fmt::format(" ({} events/s)", with_thousands(static_cast<std::uint64_t>(per_second)));
  }
  progress_.show_line(fmt::format("{}{}", fmt::join(parts, "; "), rate));
}

}  // namespace eventstore::cli
