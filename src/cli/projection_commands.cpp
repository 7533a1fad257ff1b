#include <string>
#include <utility>

#include <fmt/format.h>

#include "cli/confirm.hpp"
#include "cli/projection_names.hpp"
#include "cli/state_commands.hpp"
#include "cli/state_session.hpp"
#include "eventstore/projections.hpp"

namespace eventstore::cli {
namespace {

struct NameOption {
  std::string name;
};

struct ResetOptions : NameOption {
  bool yes = false;
};

void declare_pause(CLI::App& command, NameOption& options) {
  declare_projection(command, options.name);
  command.footer("Example:  event-store projection pause event-type-count");
}

void declare_resume(CLI::App& command, NameOption& options) {
  declare_projection(command, options.name);
  command.footer("Example:  event-store projection resume event-type-count");
}

void declare_reset(CLI::App& command, ResetOptions& options) {
  declare_projection(command, options.name);
  command.add_flag("--yes", options.yes, "Do not ask; needed where there is no terminal to ask at");
  command.footer("Example:  event-store projection reset event-type-count");
}

using Change = Result<bool> (Projections::*)(std::string_view);

Outcome change(Session& session, const std::string& name, Change change) {
  auto opened = open_state_session(session, StateAccess::Change);
  if (!opened) return std::unexpected(std::move(opened).error());
  if (opened->state == nullptr) return std::unexpected(no_such_projection(session, *opened, name));
  Projections projections(*opened->subscriptions, *opened->state);
  const auto changed = (projections.*change)(name);
  if (!changed) return std::unexpected(projection_failure(session, *opened, name, changed.error()));
  if (!*changed) return std::unexpected(no_such_projection(session, *opened, name));
  session.done = {{"projection", name}, {"changed", true}};
  const auto status = projections.status(name);
  if (!status) return std::unexpected(projection_failure(session, *opened, name, status.error()));
  session.done = *status ? status_json(**status) : never_run_json(name, {});
  print_object(session.output, session.object_format(), session.done);
  return ExitCode::Done;
}

Outcome pause(Session& session, const NameOption& options) {
  return change(session, options.name, &Projections::pause);
}

Outcome resume(Session& session, const NameOption& options) {
  return change(session, options.name, &Projections::resume);
}

Outcome reset(Session& session, const ResetOptions& options) {
  auto opened = open_state_session(session, StateAccess::Change);
  if (!opened) return std::unexpected(std::move(opened).error());
  if (opened->state == nullptr)
    return std::unexpected(no_such_projection(session, *opened, options.name));
  Projections projections(*opened->subscriptions, *opened->state);
  const auto status = projections.status(options.name);
  if (!status)
    return std::unexpected(projection_failure(session, *opened, options.name, status.error()));
  if (!*status) return std::unexpected(no_such_projection(session, *opened, options.name));

  if (!options.yes) {
    const auto what = fmt::format("this deletes all that projection \"{}\" has computed from {}",
                                  options.name, counted((*status)->events, "event"));
    if (auto answer = confirm(what); !answer) return std::unexpected(std::move(answer).error());
  }
  const auto done = projections.reset(options.name);
  if (!done)
    return std::unexpected(projection_failure(session, *opened, options.name, done.error()));
  session.done = never_run_json(options.name, (*status)->head);
  print_object(session.output, session.object_format(), session.done);
  return ExitCode::Done;
}

}  // namespace

void add_projection_commands(CLI::App& app, Session& session) {
  auto* projection = app.add_subcommand("projection",
                                        "Read models computed from events: list, status, run, "
                                        "rebuild, pause, resume, reset, inspect, "
                                        "failures");
  projection->require_subcommand(1);
  add_projection_status_commands(*projection, session);
  add_projection_run_command(*projection, session);
  add_projection_rebuild_command(*projection, session);
  add_command(*projection, session, "pause",
              "Have whoever works on a projection stop, until it is resumed", declare_pause, pause);
  add_command(*projection, session, "resume",
              "Go on with a projection that was paused, or that a failure stopped", declare_resume,
              resume);
  add_command(*projection, session, "reset",
              "Delete all that is stored of a projection, which then begins anew", declare_reset,
              reset);
  add_projection_inspect_commands(*projection, session);
}

}  // namespace eventstore::cli
