#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/interrupt.hpp"
#include "cli/live_view.hpp"
#include "cli/projection_names.hpp"
#include "cli/state_commands.hpp"
#include "cli/state_session.hpp"
#include "eventstore/builtin_projections.hpp"
#include "eventstore/projections.hpp"

// projection list and status.
namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

struct ListOptions {};

struct StatusOptions {
  std::optional<std::string> name = {};
  bool follow = false;
};

void declare_list(CLI::App& command, ListOptions& /*options*/) {
  command.footer("Example:  event-store projection list");
}

void declare_status(CLI::App& command, StatusOptions& options) {
  command.add_option("NAME", options.name, "One projection (default: a list of all)")
      ->type_name("");
  command.add_flag("--follow", options.follow, "Show it anew every second, until interrupted");
  command.footer("Example:  event-store projection status --follow");
}

std::vector<Column> columns() {
  return {{.name = "projection"},
          {.name = "state"},
          {.name = "position", .number = true},
          {.name = "lag", .number = true},
          {.name = "lag_seconds", .number = true},
          {.name = "failures", .number = true},
          {.name = "version", .number = true}};
}

// Those that have run, and the built-in ones that have not; or one of them.
Expected<LiveView::Objects> look(StateSession& opened, const std::optional<std::string>& name) {
  const auto is_asked_for = [&](const std::string& one) { return !name || one == *name; };
  std::vector<ProjectionStatus> statuses;
  if (opened.state != nullptr) {
    auto listed = Projections(*opened.subscriptions, *opened.state).list();
    if (!listed) return std::unexpected(Failure(std::move(listed).error()));
    statuses = *std::move(listed);
  }
  LiveView::Objects objects;
  for (const auto& status : statuses) {
    if (is_asked_for(status.name)) objects.push_back(status_json(status));
  }
  const auto head = opened.store->head();
  if (!head) return std::unexpected(Failure(head.error()));
  for (const auto& builtin : builtin_projection_names()) {
    const bool has_run =
        std::ranges::find(statuses, builtin, &ProjectionStatus::name) != statuses.end();
    if (!has_run && is_asked_for(builtin)) objects.push_back(never_run_json(builtin, *head));
  }
  std::ranges::stable_sort(objects, {},
                           [](const auto& object) { return object["projection"].dump(); });
  return objects;
}

Outcome follow(Session& session, const std::optional<std::string>& name) {
  const Interrupt interrupt;
  auto opened = open_state_session(session, StateAccess::Read);
  if (!opened) return std::unexpected(std::move(opened).error());
  const auto first = look(*opened, name);
  if (!first) return std::unexpected(first.error());
  if (name && first->empty()) return std::unexpected(no_such_projection(session, *opened, *name));

  LiveView view(session, name ? std::vector<Column>() : columns());
  return view.run(interrupt, [&]() -> Expected<LiveView::Objects> {
    auto there = look_for_state(session, *opened, StateAccess::Read);
    if (!there) return std::unexpected(std::move(there).error());
    return look(*opened, name);
  });
}

Outcome show_one(Session& session, const std::string& name) {
  auto opened = open_state_session(session, StateAccess::Read);
  if (!opened) return std::unexpected(std::move(opened).error());
  if (opened->state == nullptr) return std::unexpected(no_such_projection(session, *opened, name));
  const auto status = Projections(*opened->subscriptions, *opened->state).status(name);
  if (!status) return std::unexpected(projection_failure(session, *opened, name, status.error()));
  if (!*status) return std::unexpected(no_such_projection(session, *opened, name));
  print_object(session.output, session.object_format(), status_json(**status));
  return ExitCode::Done;
}

Outcome list_projections(Session& session, const ListOptions& /*options*/) {
  auto opened = open_state_session(session, StateAccess::Read);
  if (!opened) return std::unexpected(std::move(opened).error());
  const auto objects = look(*opened, std::nullopt);
  if (!objects) return std::unexpected(objects.error());
  ObjectList list(session.output, session.list_format(), columns());
  for (const auto& object : *objects) list.add(object);
  list.finish();
  return ExitCode::Done;
}

Outcome show_status(Session& session, const StatusOptions& options) {
  if (options.follow) return follow(session, options.name);
  return options.name ? show_one(session, *options.name) : list_projections(session, {});
}

}  // namespace

void add_projection_status_commands(CLI::App& projection, Session& session) {
  add_command(projection, session, "list",
              "List the projections of a store, and the built-in ones that have not run",
              declare_list, list_projections);
  add_command(projection, session, "status",
              "Show how far a projection is, or all of them, also as it changes", declare_status,
              show_status);
}

}  // namespace eventstore::cli
