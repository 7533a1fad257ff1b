#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/confirm.hpp"
#include "cli/state_commands.hpp"
#include "cli/state_session.hpp"
#include "cli/subscription_names.hpp"
#include "eventstore/checkpoint.hpp"
#include "eventstore/consumer_group.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

constexpr auto kPatience = std::chrono::seconds(30);

struct CreateOptions {
  std::string name;
  std::string category;
  std::string stream_prefix;
  std::vector<std::string> types;
  std::string from = "start";
};

struct GroupOption {
  std::string name;
};

struct RemoveOptions : GroupOption {
  bool yes = false;
};

std::string check_start(const std::string& text) {
  if (text == "start" || text == "end") return "";
  auto digits = text;  // the check may change what it is given
  if (!whole_number(INT64_MAX)(digits).empty()) return "not start, end or a position: " + text;
  return text == "0" ? "the first position is 1, not 0" : "";
}

SubscriptionStart start_of(const std::string& text) {
  if (text == "start") return FromStart{};
  if (text == "end") return FromEnd{};
  return AfterPosition{{std::stoull(text) - 1}};
}

void declare_create(CLI::App& command, CreateOptions& options) {
  declare_group(command, options.name);
  command.add_option("--category", options.category,
                     "Only events of streams of this category: the part of the name before its "
                     "first '-'");
  command.add_option("--stream-prefix", options.stream_prefix,
                     "Only events of streams whose name starts so");
  add_repeatable(command, "--type", options.types, "Only events of this type; may be repeated");
  command.add_option("--from", options.from, "Where it begins: with the event at a position")
      ->check(CLI::Validator([](const std::string& text) { return check_start(text); }, ""))
      ->type_name("start|end|POSITION")
      ->capture_default_str();
  command.footer("Example:  event-store subscription create mailer --category order --from end");
}

void declare_remove(CLI::App& command, RemoveOptions& options) {
  command.add_option("NAME", options.name, "A consumer group, or a checkpoint")
      ->required()
      ->type_name("");
  command.add_flag("--yes", options.yes, "Do not ask; needed where there is no terminal to ask at");
  command.footer("Example:  event-store subscription remove mailer");
}

void declare_resume(CLI::App& command, GroupOption& options) {
  declare_group(command, options.name);
  command.footer("Example:  event-store subscription resume mailer");
}

// Of a group that was changed.
Outcome print_status(Session& session, ConsumerGroups& groups, const std::string& name) {
  const auto status = groups.status(name);
  if (!status) return std::unexpected(group_failure(session, name, status.error()));
  session.done = status_json(*status);
  print_object(session.output, session.object_format(), session.done);
  return ExitCode::Done;
}

Outcome create(Session& session, const CreateOptions& options) {
  auto opened = open_state_session(session, StateAccess::Make);
  if (!opened) return std::unexpected(std::move(opened).error());
  ConsumerGroups groups(*opened->subscriptions, *opened->state);
  ConsumerGroupSettings settings{
      .filter = {.types = options.types, .stream_prefix = options.stream_prefix},
      .start = start_of(options.from)};
  if (!options.category.empty()) settings.filter.selector = SelectCategory{options.category};
  const auto created = groups.create(options.name, settings);
  if (!created) return std::unexpected(group_failure(session, options.name, created.error()));
  if (!*created) {
    Failure failure("already_exists",
                    fmt::format("there is a consumer group \"{}\" already, which stays as it is",
                                options.name));
    failure.details["subscription"] = options.name;
    failure.exit_code = ExitCode::Conflict;
    return std::unexpected(std::move(failure));
  }
  session.done = {{"subscription", options.name}, {"created", true}};
  return print_status(session, groups, options.name);
}

Outcome resume(Session& session, const GroupOption& options) {
  return change_group(session, options.name, [&](ConsumerGroups& groups) -> Outcome {
    const auto resumed = groups.resume(options.name);
    if (!resumed) return std::unexpected(group_failure(session, options.name, resumed.error()));
    session.done = {{"subscription", options.name}, {"stopped", nullptr}};
    return print_status(session, groups, options.name);
  });
}

// What will be gone; absent where there is nothing of that name.
Expected<std::optional<std::string>> describe(StateSession& opened, const std::string& name) {
  const auto group = ConsumerGroups(*opened.subscriptions, *opened.state).status(name);
  if (group) {
    return fmt::format("this deletes the consumer group \"{}\" with its position, {}, and {}", name,
                       group->position.value, counted(group->parked, "parked event"));
  }
  if (group.error().code != ErrorCode::NotFound) return std::unexpected(Failure(group.error()));
  auto open = opened.state->begin_read(std::chrono::steady_clock::now() + kPatience);
  if (!open) return std::unexpected(Failure(std::move(open).error()));
  const auto checkpoint = load_checkpoint(**open, name);
  if (!checkpoint) return std::unexpected(Failure(checkpoint.error()));
  if (!*checkpoint) return std::nullopt;
  return fmt::format(
      "this deletes the checkpoint \"{}\" at position {}, so that its subscriber "
      "begins anew",
      name, (*checkpoint)->position.value);
}

// A group, or else a checkpoint.
Result<bool> remove_what_is_there(StateSession& opened, const std::string& name) {
  const auto removed = ConsumerGroups(*opened.subscriptions, *opened.state).remove(name);
  if (!removed || *removed) return removed;
  auto open = opened.state->begin(std::chrono::steady_clock::now() + kPatience);
  if (!open) return std::unexpected(std::move(open).error());
  const auto taken = remove_checkpoint(**open, name);
  if (!taken || !*taken) return taken;
  if (auto done = (*open)->commit(); !done) return std::unexpected(std::move(done).error());
  return true;
}

Outcome remove(Session& session, const RemoveOptions& options) {
  auto opened = open_state_session(session, StateAccess::Change);
  if (!opened) return std::unexpected(std::move(opened).error());
  const auto missing = [&] {
    return no_such_subscription(session, "consumer group or checkpoint", options.name);
  };
  if (opened->state == nullptr) return std::unexpected(missing());
  const auto what = describe(*opened, options.name);
  if (!what) return std::unexpected(what.error());
  if (!*what) return std::unexpected(missing());
  if (!options.yes) {
    if (auto answer = confirm(**what); !answer) return std::unexpected(std::move(answer).error());
  }
  const auto removed = remove_what_is_there(*opened, options.name);
  if (!removed) return std::unexpected(group_failure(session, options.name, removed.error()));
  session.done = {{"subscription", options.name}, {"removed", *removed}};
  print_object(session.output, session.object_format(), session.done);
  return ExitCode::Done;
}

}  // namespace

void add_subscription_commands(CLI::App& app, Session& session) {
  auto* subscription = app.add_subcommand(
      "subscription",
      "Consumer groups and checkpoints: list, status, create, remove, resume, parked, replay, "
      "discard");
  subscription->require_subcommand(1);
  add_subscription_status_commands(*subscription, session);
  add_command(*subscription, session, "create", "Make a consumer group", declare_create, create);
  add_command(*subscription, session, "remove", "Delete a consumer group or a checkpoint",
              declare_remove, remove);
  add_command(*subscription, session, "resume",
              "Go on with a consumer group that a consumer stopped", declare_resume, resume);
  add_parked_commands(*subscription, session);
}

}  // namespace eventstore::cli
