#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "cli/interrupt.hpp"
#include "cli/progress.hpp"
#include "cli/projection_names.hpp"
#include "cli/projection_options.hpp"
#include "cli/state_commands.hpp"
#include "cli/state_session.hpp"
#include "eventstore/builtin_projections.hpp"
#include "eventstore/projections.hpp"

namespace eventstore::cli {
namespace {

using std::chrono::steady_clock;

struct RebuildArguments : WorkOptions {
  std::string name;
  bool restart = false;
};

void declare_rebuild(CLI::App& command, RebuildArguments& arguments) {
  command.add_option("NAME", arguments.name, "A built-in projection: " + builtin_projections())
      ->required()
      ->type_name("");
  command.add_flag("--restart", arguments.restart,
                   "Begin anew where an earlier rebuild was interrupted (default: go on with it)");
  declare_work(command, arguments);
  command.footer("Example:  event-store projection rebuild event-type-count --workers 4");
}

// About how long, in a unit that makes sense of it.
std::string about(std::chrono::milliseconds time) {
  constexpr std::int64_t kEnough = 100;  // of a unit, to take the next
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
  if (seconds < kEnough) return fmt::format("{} s", seconds);
  const auto minutes = std::chrono::ceil<std::chrono::minutes>(time).count();
  if (minutes < kEnough) return fmt::format("{} min", minutes);
  return fmt::format("{} h", std::chrono::ceil<std::chrono::hours>(time).count());
}

std::string progress_line(const RebuildProgress& progress) {
  auto line =
      fmt::format("rebuilt to {} of {} ({} events/s", with_thousands(progress.position.value),
                  with_thousands(progress.target.value),
                  with_thousands(static_cast<std::uint64_t>(progress.positions_per_second)));
  if (progress.remaining) line += fmt::format(", about {} left", about(*progress.remaining));
  return line + ')';
}

void print_summary(Session& session, const ProjectionStatus& status, double seconds) {
  const auto format = session.object_format();
  session.done = {{"projection", status.name}, {"version", status.version},
                  {"workers", status.workers}, {"position", status.position.value},
                  {"events", status.events},   {"failures", status.failures},
                  {"seconds", seconds}};
  if (format != OutputFormat::Table) return print_object(session.output, format, session.done);
  session.output.write(fmt::format("{}: rebuilt from {} in {:.1f} s, now at position {}\n",
                                   status.name, counted(status.events, "event"), seconds,
                                   with_thousands(status.position.value)));
}

Outcome rebuild(Session& session, const RebuildArguments& arguments) {
  if (auto good = check_builtin(session, {arguments.name}); !good) {
    return std::unexpected(std::move(good).error());
  }
  const Interrupt interrupt;
  auto opened = open_state_session(session, StateAccess::Make);
  if (!opened) return std::unexpected(std::move(opened).error());
  Projections projections(*opened->subscriptions, *opened->state);
  const auto projection = make_builtin_projection(arguments.name);

  const auto began_at = steady_clock::now();
  Progress progress("rebuilt");
  auto options = projection_options(arguments);
  options.on_retry = [&](const Error& error) {
    progress.clear();
    print_notice(session, "warning", "trying again: " + error.message);
  };
  const auto done =
      projections.rebuild(*projection, {.run = std::move(options),
                                        .restart = arguments.restart,
                                        .on_progress =
                                            [&](const RebuildProgress& now) {
                                              if (progress.is_due())
                                                progress.show_line(progress_line(now));
                                            },
                                        .cancellation = interrupt.token()});
  progress.clear();
  if (!done) return std::unexpected(work_failure(arguments.name, done.error()));
  const std::chrono::duration<double> elapsed = steady_clock::now() - began_at;
  const auto status = projections.status(arguments.name);
  if (!status) return std::unexpected(Failure(status.error()));
  if (!*status) return std::unexpected(no_such_projection(session, *opened, arguments.name));
  print_summary(session, **status, elapsed.count());
  return ExitCode::Done;
}

}  // namespace

void add_projection_rebuild_command(CLI::App& projection, Session& session) {
  add_command(projection, session, "rebuild",
              "Compute a projection anew, beside the old one, and put it in its place",
              declare_rebuild, rebuild);
}

}  // namespace eventstore::cli
