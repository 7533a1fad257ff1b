#include <utility>

#include "cli/engines.hpp"

namespace eventstore::cli {

void register_engines() {}

void add_postgres_commands(CLI::App& /*maint*/, Session& /*session*/) {}

Expected<void> print_server_stats(Session& session, nlohmann::ordered_json object) {
  print_object(session.output, session.object_format(), std::move(object));
  return {};
}

}  // namespace eventstore::cli
