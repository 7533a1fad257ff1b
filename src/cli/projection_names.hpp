#pragma once

#include <string>
#include <vector>

#include "cli/session.hpp"
#include "cli/state_session.hpp"
#include "eventstore/projections.hpp"

namespace eventstore::cli {

// The argument NAME: a projection that has run in the store, whichever program it is of.
void declare_projection(CLI::App& command, std::string& name);

// "event-type-count, stream-activity"
std::string builtin_projections();

// Fails where one of them is no projection that this program has, before it makes anything.
Expected<void> check_builtin(Session& session, const std::vector<std::string>& names);

// The failure of a command that is about a projection of which nothing is stored.
Failure no_such_projection(const Session& session, StateSession& opened, const std::string& name);

// That of projections, which says it so where there is no such one.
Failure projection_failure(const Session& session, StateSession& opened, const std::string& name,
                           const Error& error);

// As lists and `projection status` show it.
nlohmann::ordered_json status_json(const ProjectionStatus& status);

// Of a built-in projection that has not run.
nlohmann::ordered_json never_run_json(const std::string& name, GlobalPosition head);

}  // namespace eventstore::cli
