#pragma once

#include "cli/session.hpp"

// What the program has over the state database. Where it is built without it
// (EVENTSTORE_BUILD_STATE), without_state.cpp takes the place of all that.
namespace eventstore::cli {

// The nouns.
void add_projection_commands(CLI::App& app, Session& session);
void add_subscription_commands(CLI::App& app, Session& session);

// Verbs of `projection`.
void add_projection_status_commands(CLI::App& projection, Session& session);  // list, status
void add_projection_run_command(CLI::App& projection, Session& session);
void add_projection_rebuild_command(CLI::App& projection, Session& session);
void add_projection_inspect_commands(CLI::App& projection, Session& session);  // inspect, failures

// Verbs of `subscription`.
void add_subscription_status_commands(CLI::App& subscription, Session& session);  // list, status
void add_parked_commands(CLI::App& subscription, Session& session);  // parked, replay, discard

}  // namespace eventstore::cli
