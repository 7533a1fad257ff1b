#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/interrupt.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "eventstore/projections.hpp"

namespace eventstore::cli {

// What threads of the library have to say to whoever looks at standard error. Any thread; the
// oldest of very many are left out.
class NoticeBoard {
 public:
  struct Notice {
    std::string_view level;  // as format_notice() takes it
    std::string message;
  };

  void add(std::string_view level, std::string message);
  std::vector<Notice> take();

 private:
  static constexpr std::size_t kNoticesMax = 100;

  std::mutex mutex_;  // guards notices_
  std::deque<Notice> notices_;
};

// Projections at work side by side, until they end or are interrupted. One thread at a time.
class ProjectionRuns {
 public:
  struct Run {
    std::string name;
    std::unique_ptr<Projection> projection;
    std::unique_ptr<RunningProjection> running = {};
    ProjectionPhase phase = ProjectionPhase::Waiting;  // as it was last looked at
    // How far the projection is, whoever works on it; while this instance does not.
    std::optional<GlobalPosition> stored = {};
    std::chrono::steady_clock::time_point since = {};  // when it came to that
    bool is_told = false;                              // what it waits for
    bool has_ended = false;
    std::optional<Error> failure = {};
  };

  // All borrowed.
  ProjectionRuns(Session& session, EventStore& store, Projections& projections);

  // Of built-in projections.
  Expected<void> start(const std::vector<std::string>& names, ProjectionOptions options);
  // Shows meanwhile how far they are, and what they have to say.
  void wait(const Interrupt& interrupt);

  std::span<const Run> runs() const { return runs_; }

 private:
  bool look(Run& run);
  ProjectionPhase phase_of(Run& run);
  void tell_what_it_waits_for(Run& run);
  void tell_that_it_goes_on(const Run& run, ProjectionPhase before);
  void show_notices();
  void show_progress();

  Session& session_;
  EventStore& store_;
  Projections& projections_;
  NoticeBoard notices_;
  Progress progress_;
  bool once_ = false;
  std::chrono::steady_clock::time_point began_at_ = {};
  std::uint64_t began_from_ = 0;  // the sum of their positions
  std::vector<Run> runs_;
};

}  // namespace eventstore::cli
