#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/interrupt.hpp"
#include "cli/projection_names.hpp"
#include "cli/projection_options.hpp"
#include "cli/projection_runs.hpp"
#include "cli/state_commands.hpp"
#include "cli/state_session.hpp"
#include "eventstore/projections.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;
using std::chrono::steady_clock;

struct RunArguments : WorkOptions {
  std::vector<std::string> names;
  bool once = false;
};

void declare_run(CLI::App& command, RunArguments& arguments) {
  command
      .add_option("NAME", arguments.names,
                  "Built-in projections, which are run side by side: " + builtin_projections())
      ->required()
      ->type_name("");
  command.add_flag("--once", arguments.once,
                   "End when what is stored at the beginning is applied (default: go on with new "
                   "events until interrupted)");
  declare_work(command, arguments);
  command.footer("Example:  event-store projection run event-type-count --once");
}

// Each once, in the order given.
std::vector<std::string> without_repetitions(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const auto& name : names) {
    if (std::ranges::find(all, name) == all.end()) all.push_back(name);
  }
  return all;
}

// What became of each.
Expected<ordered_json> summary_of(const ProjectionRuns& runs, Projections& projections) {
  auto list = ordered_json::array();
  for (const auto& run : runs.runs()) {
    const auto status = projections.status(run.name);
    if (!status) return std::unexpected(Failure(status.error()));
    const auto now = status->value_or(ProjectionStatus{});
    list.push_back(
        {{"projection", run.name},
         {"events", now.events},
         {"position", now.position.value},
         {"lag", now.lag},
         {"failures", now.failures},
         {"error", run.failure ? ordered_json(run.failure->message) : ordered_json(nullptr)}});
  }
  return list;
}

void print_summary(Session& session, const ordered_json& summary) {
  const auto format = session.object_format();
  if (format != OutputFormat::Table) return print_object(session.output, format, summary);
  for (const auto& one : summary["projections"]) {
    session.output.write(fmt::format("{}: {} applied in all, now at position {}\n",
                                     one["projection"].get<std::string>(),
                                     counted(one["events"].get<std::uint64_t>(), "event"),
                                     with_thousands(one["position"].get<std::uint64_t>())));
  }
}

// Why the command as a whole has not done what it was asked for.
std::optional<Failure> failure_of(const ProjectionRuns& runs, const ordered_json& summary,
                                  std::optional<GlobalPosition> goal) {
  for (const auto& run : runs.runs()) {
    if (run.failure) return work_failure(run.name, *run.failure);
  }
  for (const auto& one : summary) {
    const auto position = one["position"].get<std::uint64_t>();
    if (!goal || position >= goal->value) continue;
    const auto name = one["projection"].get<std::string>();
    Failure failure("cancelled",
                    fmt::format("interrupted with projection \"{}\" at position {} of {}; run "
                                "it again to go on",
                                name, position, goal->value));
    failure.details = {{"projection", name}, {"position", position}};
    return failure;
  }
  return std::nullopt;
}

Outcome run(Session& session, const RunArguments& arguments) {
  if (auto good = check_builtin(session, arguments.names); !good) {
    return std::unexpected(std::move(good).error());
  }
  const Interrupt interrupt;
  auto opened = open_state_session(session, StateAccess::Make);
  if (!opened) return std::unexpected(std::move(opened).error());
  Projections projections(*opened->subscriptions, *opened->state);
  const auto head = opened->store->head();
  if (!head) return std::unexpected(Failure(head.error()));

  const auto began_at = steady_clock::now();
  ProjectionRuns runs(session, *opened->store, projections);
  auto options = projection_options(arguments);
  options.once = arguments.once;
  if (auto started = runs.start(without_repetitions(arguments.names), options); !started) {
    return std::unexpected(std::move(started).error());
  }
  runs.wait(interrupt);

  const std::chrono::duration<double> elapsed = steady_clock::now() - began_at;
  auto list = summary_of(runs, projections);
  if (!list) return std::unexpected(std::move(list).error());
  const ordered_json summary{{"projections", *std::move(list)}, {"seconds", elapsed.count()}};
  print_summary(session, summary);
  // Without an end nothing is left undone by an interrupt.
  const bool is_cut_short = arguments.once && interrupt.requested();
  auto failure =
      failure_of(runs, summary["projections"], is_cut_short ? std::optional(*head) : std::nullopt);
  if (failure) return std::unexpected(*std::move(failure));
  session.done = summary;
  return ExitCode::Done;
}

}  // namespace

void add_projection_run_command(CLI::App& projection, Session& session) {
  add_command(projection, session, "run",
              "Run built-in projections: apply what is stored, and then what is appended",
              declare_run, run);
}

}  // namespace eventstore::cli
