#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/state_commands.hpp"
#include "cli/state_session.hpp"
#include "cli/subscription_names.hpp"
#include "eventstore/checkpoint.hpp"
#include "eventstore/consumer_group.hpp"

// subscription list and status.
namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

constexpr auto kPatience = std::chrono::seconds(30);

struct ListOptions {};

struct StatusOptions {
  std::string name;
};

void declare_list(CLI::App& command, ListOptions& /*options*/) {
  command.footer("Example:  event-store subscription list");
}

void declare_status(CLI::App& command, StatusOptions& options) {
  command.add_option("NAME", options.name, "A consumer group, or a checkpoint")
      ->required()
      ->type_name("");
  command.footer("Example:  event-store subscription status mailer");
}

ordered_json checkpoint_json(const Checkpoint& checkpoint, const Lag& lag) {
  return {{"subscription", checkpoint.name},
          {"kind", "checkpoint"},
          {"position", checkpoint.position.value},
          {"lag", lag.positions},
          {"lag_seconds", seconds_json(lag.time)},
          {"head", lag.head.value},
          {"stored_at", format_timestamp(checkpoint.stored_at)}};
}

// A line of the list: of members, how many.
ordered_json in_list(ordered_json object) {
  const bool is_group = object.contains("members");
  object["members"] = is_group ? ordered_json(object["members"].size()) : ordered_json(nullptr);
  for (const auto* name : {"parked", "stopped"}) {
    if (!object.contains(name)) object[name] = nullptr;
  }
  return object;
}

// Checkpoints: all, or the one of that name.
Expected<std::vector<ordered_json>> checkpoints(StateSession& opened,
                                                const std::optional<std::string>& name) {
  std::vector<ordered_json> objects;
  auto open = opened.state->begin_read(std::chrono::steady_clock::now() + kPatience);
  if (!open) return std::unexpected(Failure(std::move(open).error()));
  const auto found = list_checkpoints(**open, name.value_or(""));
  if (!found) return std::unexpected(Failure(found.error()));
  for (const auto& checkpoint : *found) {
    if (name && checkpoint.name != *name) continue;
    const auto lag = lag_of(*opened.store, checkpoint.position, (*open)->now());
    if (!lag) return std::unexpected(Failure(lag.error()));
    objects.push_back(checkpoint_json(checkpoint, *lag));
  }
  return objects;
}

std::vector<Column> columns() {
  return {{.name = "subscription"},
          {.name = "kind"},
          {.name = "position", .number = true},
          {.name = "lag", .number = true},
          {.name = "lag_seconds", .number = true},
          {.name = "members", .number = true},
          {.name = "parked", .number = true},
          {.name = "stopped"}};
}

Outcome list_subscriptions(Session& session, const ListOptions& /*options*/) {
  auto opened = open_state_session(session, StateAccess::Read);
  if (!opened) return std::unexpected(std::move(opened).error());
  ObjectList list(session.output, session.list_format(), columns());
  if (opened->state != nullptr) {
    const auto groups = ConsumerGroups(*opened->subscriptions, *opened->state).list();
    if (!groups) {
      return std::unexpected(Failure(groups.error()));
    }
    const auto readers = checkpoints(*opened, std::nullopt);
    if (!readers) return std::unexpected(readers.error());
    for (const auto& group : *groups) list.add(in_list(status_json(group)));
    for (const auto& reader : *readers) list.add(in_list(reader));
  }
  list.finish();
  return ExitCode::Done;
}

Outcome show_status(Session& session, const StatusOptions& options) {
  auto opened = open_state_session(session, StateAccess::Read);
  if (!opened) return std::unexpected(std::move(opened).error());
  const auto missing = [&] {
    return no_such_subscription(session, "consumer group or checkpoint", options.name);
  };
  if (opened->state == nullptr) return std::unexpected(missing());
  const auto group = ConsumerGroups(*opened->subscriptions, *opened->state).status(options.name);
  if (!group && group.error().code != ErrorCode::NotFound)
    return std::unexpected(Failure(group.error()));
  if (group) {
    print_object(session.output, session.object_format(), status_json(*group));
    return ExitCode::Done;
  }
  const auto reader = checkpoints(*opened, options.name);
  if (!reader) return std::unexpected(reader.error());
  if (reader->empty()) return std::unexpected(missing());
  print_object(session.output, session.object_format(), reader->front());
  return ExitCode::Done;
}

}  // namespace

void add_subscription_status_commands(CLI::App& subscription, Session& session) {
  add_command(subscription, session, "list",
              "List the consumer groups and the checkpoints of a store, and how far they are",
              declare_list, list_subscriptions);
  add_command(subscription, session, "status", "Show how far one is, and who works for it",
              declare_status, show_status);
}

}  // namespace eventstore::cli
