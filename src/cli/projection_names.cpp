#include "cli/projection_names.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/store_url.hpp"
#include "eventstore/builtin_projections.hpp"

namespace eventstore::cli {

namespace {

bool is_builtin(const std::string& name) {
  const auto names = builtin_projection_names();
  return std::ranges::find(names, name) != names.end();
}

// Whether it is a projection of some program; false also where that cannot be found out.
bool has_run(Session& session, const std::string& name) {
  const auto opened = open_state_session(session, StateAccess::Read);
  if (!opened || opened->state == nullptr) return false;
  const auto status = Projections(*opened->subscriptions, *opened->state).status(name);
  return status && *status;
}

// Those that are built in, and those that have run besides.
std::vector<std::string> names_of_all(StateSession& opened) {
  auto names = builtin_projection_names();
  if (opened.state == nullptr) return names;
  const auto listed = Projections(*opened.subscriptions, *opened.state).list();
  if (!listed) return names;  // it is for a message about something else
  for (const auto& status : *listed) {
    if (!is_builtin(status.name)) names.push_back(status.name);
  }
  return names;
}

}  // namespace

using nlohmann::ordered_json;

void declare_projection(CLI::App& command, std::string& name) {
  command.add_option("NAME", name, "The projection's name")->required()->type_name("");
}

std::string builtin_projections() {
  return fmt::format("{}", fmt::join(builtin_projection_names(), ", "));
}

Expected<void> check_builtin(Session& session, const std::vector<std::string>& names) {
  const auto wrong = std::ranges::find_if_not(names, is_builtin);
  if (wrong == names.end()) return {};
  auto failure =
      usage_failure(has_run(session, *wrong)
                        ? fmt::format("projection \"{}\" is not built in: its own program runs it, "
                                      "and rebuilds it with Projections::rebuild(); pause, resume, "
                                      "reset and status work here",
                                      *wrong)
                        : fmt::format("there is no built-in projection \"{}\"; there are {}",
                                      *wrong, builtin_projections()));
  failure.details["projection"] = *wrong;
  return std::unexpected(std::move(failure));
}

Failure no_such_projection(const Session& session, StateSession& opened, const std::string& name) {
  const auto store = without_passwords(session.store_url);
  Failure failure("not_found",
                  is_builtin(name)
                      ? fmt::format("projection \"{}\" has not run yet in {}; `event-store "
                                    "projection run {}` runs it",
                                    name, store, name)
                      : fmt::format("there is no projection \"{}\" in {}; there are {}", name,
                                    store, fmt::join(names_of_all(opened), ", ")));
  failure.details["projection"] = name;
  return failure;
}

Failure projection_failure(const Session& session, StateSession& opened, const std::string& name,
                           const Error& error) {
  if (error.code == ErrorCode::NotFound) return no_such_projection(session, opened, name);
  Failure failure(error);
  failure.details["projection"] = name;
  return failure;
}

ordered_json status_json(const ProjectionStatus& status) {
  ordered_json object{{"projection", status.name},
                      {"state", to_string(status.state)},
                      {"position", status.position.value},
                      {"lag", status.lag},
                      {"lag_seconds", seconds_json(status.lag_time)},
                      {"failures", status.failures},
                      {"version", status.version},
                      {"workers", status.workers},
                      {"head", status.head.value},
                      {"events", status.events},
                      {"stored_at", time_json(status.stored_at)},
                      {"owner", text_json(status.owner)},
                      {"failure", text_json(status.failure)},
                      {"rebuild", nullptr}};
  if (status.rebuild) {
    object["rebuild"] = {{"version", status.rebuild->version},
                         {"workers", status.rebuild->workers},
                         {"position", status.rebuild->position.value},
                         {"is_running", status.rebuild->is_running}};
  }
  return object;
}

ordered_json never_run_json(const std::string& name, GlobalPosition head) {
  ProjectionStatus status;
  status.name = name;
  status.head = head;
  status.lag = head.value;
  if (const auto projection = make_builtin_projection(name)) status.version = projection->version();
  auto object = status_json(status);
  object["state"] = "never_run";
  object["lag_seconds"] = nullptr;
  return object;
}

}  // namespace eventstore::cli
