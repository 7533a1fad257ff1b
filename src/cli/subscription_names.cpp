#include "cli/subscription_names.hpp"

#include <utility>
#include <variant>

#include <fmt/format.h>

#include "cli/store_url.hpp"

namespace eventstore::cli {

using nlohmann::ordered_json;

void declare_group(CLI::App& command, std::string& name) {
  command.add_option("NAME", name, "The consumer group's name")->required()->type_name("");
}

void declare_kind(CLI::App& command, KindOptions& options) {
  auto* group = command.add_flag("--group", options.group, "The consumer group of that name");
  command.add_flag("--checkpoint", options.checkpoint, "The checkpoint of that name")
      ->excludes(group);
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

Expected<ordered_json> status_of_group(const Session& session, ConsumerGroups& groups,
                                       const std::string& name) {
  const auto status = groups.status(name);
  if (!status) return std::unexpected(group_failure(session, name, status.error()));
  const auto settings = groups.settings(name);
  if (!settings) return std::unexpected(group_failure(session, name, settings.error()));
  auto object = status_json(*status);
  object["settings"] = ordered_json::parse(eventstore::to_json(*settings));
  if (const auto* start = std::get_if<AfterPosition>(&settings->start)) {
    object["settings"]["start_position"] = start->position.value;
  }
  return object;
}

ordered_json shown(ordered_json status, OutputFormat format) {
  if (format != OutputFormat::Table || !status.contains("settings")) return status;
  auto settings = ordered_json::object();
  for (const auto& [name, value] : status["settings"].items()) {
    const bool says_nothing =
        value.is_string() ? value.get_ref<const std::string&>().empty() : value.empty();
    if (!says_nothing) settings[name] = value;
  }
  status["settings"] = std::move(settings);
  if (status["members"].empty()) status["members"] = nullptr;
  return status;
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
