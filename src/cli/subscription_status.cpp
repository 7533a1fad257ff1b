#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/interrupt.hpp"
#include "cli/live_view.hpp"
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

struct StatusOptions : KindOptions {
  std::optional<std::string> name = {};
  bool follow = false;
};

void declare_list(CLI::App& command, ListOptions& /*options*/) {
  command.footer("Example:  event-store subscription list");
}

void declare_status(CLI::App& command, StatusOptions& options) {
  auto* name = command
                   .add_option("NAME", options.name,
                               "A consumer group, a checkpoint, or both (default: a list of all)")
                   ->type_name("");
  declare_kind(command, options);
  command.get_option("--group")->needs(name);
  command.get_option("--checkpoint")->needs(name);
  command.add_flag("--follow", options.follow, "Show it anew every second, until interrupted");
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

// A line of the list: the same members whatever it is of; of a group's members, how many.
ordered_json in_list(const ordered_json& object) {
  ordered_json line;
  for (const auto* name : {"subscription", "kind", "position", "lag", "lag_seconds", "head",
                           "parked", "stopped", "members", "stored_at"}) {
    line[name] = object.contains(name) ? object[name] : ordered_json(nullptr);
  }
  if (line["members"].is_array()) line["members"] = line["members"].size();
  return line;
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

Expected<LiveView::Objects> look_at_all(StateSession& opened) {
  LiveView::Objects lines;
  if (opened.state == nullptr) return lines;
  const auto groups = ConsumerGroups(*opened.subscriptions, *opened.state).list();
  if (!groups) return std::unexpected(Failure(groups.error()));
  const auto readers = checkpoints(opened, std::nullopt);
  if (!readers) return std::unexpected(readers.error());
  for (const auto& group : *groups) lines.push_back(in_list(status_json(group)));
  for (const auto& reader : *readers) lines.push_back(in_list(reader));
  return lines;
}

// The group and the checkpoint of that name, those that are there and asked for.
Expected<LiveView::Objects> look_at(Session& session, StateSession& opened,
                                    const StatusOptions& options) {
  LiveView::Objects found;
  if (opened.state == nullptr) return found;
  if (!options.checkpoint) {
    ConsumerGroups groups(*opened.subscriptions, *opened.state);
    auto group = status_of_group(session, groups, *options.name);
    if (!group && group.error().code != to_string(ErrorCode::NotFound)) {
      return std::unexpected(std::move(group).error());
    }
    if (group) found.push_back(*std::move(group));
  }
  if (!options.group) {
    auto readers = checkpoints(opened, options.name);
    if (!readers) return std::unexpected(std::move(readers).error());
    for (auto& reader : *readers) found.push_back(std::move(reader));
  }
  return found;
}

Expected<LiveView::Objects> look(Session& session, StateSession& opened,
                                 const StatusOptions& options) {
  if (!options.name) return look_at_all(opened);
  auto found = look_at(session, opened, options);
  if (!found) return found;
  const auto format = options.follow ? session.list_format() : session.object_format();
  for (auto& object : *found) object = shown(std::move(object), format);
  return found;
}

Failure missing(const Session& session, const StatusOptions& options) {
  return no_such_subscription(session,
                              options.group        ? "consumer group"
                              : options.checkpoint ? "checkpoint"
                                                   : "consumer group or checkpoint",
                              *options.name);
}

Outcome follow(Session& session, StateSession& opened, const StatusOptions& options) {
  const Interrupt interrupt;
  LiveView view(session, options.name ? std::vector<Column>() : columns());
  return view.run(interrupt, [&]() -> Expected<LiveView::Objects> {
    auto there = look_for_state(session, opened, StateAccess::Read);
    if (!there) return std::unexpected(std::move(there).error());
    return look(session, opened, options);
  });
}

void print_list(Session& session, const LiveView::Objects& objects, OutputFormat format) {
  ObjectList list(session.output, format, columns());
  for (const auto& object : objects) list.add(object);
  list.finish();
}

void print_found(Session& session, const LiveView::Objects& objects) {
  const auto format = session.object_format();
  if (objects.size() == 1) return print_object(session.output, format, objects.front());
  if (format != OutputFormat::Table) return print_list(session, objects, format);
  for (const auto& object : objects) {
    if (&object != &objects.front()) session.output.write("\n");
    print_object(session.output, format, object);
  }
}

Outcome show_status(Session& session, const StatusOptions& options) {
  auto opened = open_state_session(session, StateAccess::Read);
  if (!opened) return std::unexpected(std::move(opened).error());
  const auto objects = look(session, *opened, options);
  if (!objects) return std::unexpected(objects.error());
  if (options.name && objects->empty()) return std::unexpected(missing(session, options));
  if (options.follow) return follow(session, *opened, options);
  if (options.name) {
    print_found(session, *objects);
  } else {
    print_list(session, *objects, session.list_format());
  }
  return ExitCode::Done;
}

Outcome list_subscriptions(Session& session, const ListOptions& /*options*/) {
  return show_status(session, {});
}

}  // namespace

void add_subscription_status_commands(CLI::App& subscription, Session& session) {
  add_command(subscription, session, "list",
              "List the consumer groups and the checkpoints of a store, and how far they are",
              declare_list, list_subscriptions);
  add_command(subscription, session, "status",
              "Show how far one is, who works for it and how it is set up, also as it changes",
              declare_status, show_status);
}

}  // namespace eventstore::cli
