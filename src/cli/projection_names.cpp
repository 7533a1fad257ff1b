#include "cli/projection_names.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/store_url.hpp"
#include "eventstore/builtin_projections.hpp"

namespace eventstore::cli {

using nlohmann::ordered_json;

void declare_projection(CLI::App& command, std::string& name) {
  command.add_option("NAME", name, "The projection's name")->required()->type_name("");
}

CLI::Validator builtin_projection() {
  return {[](const std::string& name) {
            const auto names = builtin_projection_names();
            if (std::ranges::find(names, name) != names.end()) return std::string();
            return fmt::format("no built-in projection: {} (there are {})", name,
                               fmt::join(names, ", "));
          },
          ""};
}

Failure no_such_projection(const Session& session, const std::string& name) {
  Failure failure("not_found", fmt::format("the projection \"{}\" has not run yet in {}; "
                                           "`event-store projection list` shows those there are",
                                           name, without_passwords(session.store_url)));
  failure.details["projection"] = name;
  return failure;
}

Failure projection_failure(const Session& session, const std::string& name, const Error& error) {
  if (error.code == ErrorCode::NotFound) return no_such_projection(session, name);
  Failure failure(error);
  failure.details["projection"] = name;
  return failure;
}

ordered_json status_json(const ProjectionStatus& status) {
  ordered_json object{{"projection", status.name},
                      {"state", status.state},
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
  status.state = "never_run";
  status.head = head;
  status.lag = head.value;
  if (const auto projection = make_builtin_projection(name)) status.version = projection->version();
  auto object = status_json(status);
  object["lag_seconds"] = nullptr;
  return object;
}

}  // namespace eventstore::cli
