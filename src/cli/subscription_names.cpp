#include "cli/subscription_names.hpp"

#include <utility>

#include <fmt/format.h>

#include "cli/store_url.hpp"

namespace eventstore::cli {

using nlohmann::ordered_json;

void declare_group(CLI::App& command, std::string& name) {
  command.add_option("NAME", name, "The consumer group's name")->required()->type_name("");
}

Failure no_such_subscription(const Session& session, std::string_view kind,
                             const std::string& name) {
  Failure failure("not_found",
                  fmt::format("there is no {} \"{}\" in {}; `event-store subscription list` shows "
                              "those there are",
                              kind, name, without_passwords(session.store_url)));
  failure.details["subscription"] = name;
  return failure;
}

Failure group_failure(const Session& session, const std::string& name, const Error& error) {
  if (error.code == ErrorCode::NotFound) {
    return no_such_subscription(session, "consumer group", name);
  }
  Failure failure(error);
  failure.details["subscription"] = name;
  return failure;
}

ordered_json status_json(const ConsumerGroupStatus& status) {
  auto members = ordered_json::array();
  for (const auto& member : status.members) {
    members.push_back({{"member", member.name},
                       {"buckets", member.buckets},
                       {"expires_at", format_timestamp(member.expires_at)}});
  }
  return {{"subscription", status.name},
          {"kind", "group"},
          {"position", status.position.value},
          {"lag", status.lag},
          {"lag_seconds", seconds_json(status.lag_time)},
          {"head", status.head.value},
          {"parked", status.parked},
          {"stopped", text_json(status.stopped)},
          {"members", std::move(members)}};
}

Outcome change_group(Session& session, const std::string& name,
                     const std::function<Outcome(ConsumerGroups&)>& work) {
  auto opened = open_state_session(session, StateAccess::Change);
  if (!opened) return std::unexpected(std::move(opened).error());
  if (opened->state == nullptr) {
    return std::unexpected(no_such_subscription(session, "consumer group", name));
  }
  ConsumerGroups groups(*opened->subscriptions, *opened->state);
  return work(groups);
}

}  // namespace eventstore::cli
