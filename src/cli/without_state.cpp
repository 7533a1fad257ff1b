#include "cli/state_commands.hpp"

namespace eventstore::cli {
namespace {

Outcome refuse(Session& /*session*/) {
  return std::unexpected(usage_failure(
      "this build of event-store has no projections and no subscriptions: it was made "
      "with EVENTSTORE_BUILD_STATE=OFF"));
}

void add_refusal(CLI::App& app, Session& session, const std::string& noun) {
  app.add_subcommand(noun, "Not in this build, which was made with EVENTSTORE_BUILD_STATE=OFF")
      ->prefix_command()
      ->callback([&session] { session.command = refuse; });
}

}  // namespace

void add_projection_commands(CLI::App& app, Session& session) {
  add_refusal(app, session, "projection");
}

void add_subscription_commands(CLI::App& app, Session& session) {
  add_refusal(app, session, "subscription");
}

}  // namespace eventstore::cli
