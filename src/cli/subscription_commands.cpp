#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/confirm.hpp"
#include "cli/option_value.hpp"
#include "cli/state_commands.hpp"
#include "cli/state_session.hpp"
#include "cli/subscription_names.hpp"
#include "eventstore/checkpoint.hpp"
#include "eventstore/consumer_group.hpp"
#include "eventstore/text.hpp"

namespace eventstore::cli {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

// What the library has for a group of which nothing else is said.
std::string usual(std::chrono::milliseconds ConsumerGroupSettings::* time) {
  return format_duration(std::chrono::ceil<std::chrono::seconds>(ConsumerGroupSettings{}.*time));
}

struct CreateOptions {
  std::string name;
  std::optional<std::string> category = {};
  std::string stream_prefix = {};
  std::vector<std::string> types = {};
  std::vector<std::string> tags = {};
  std::string from = "start";
  std::string key_tag = {};
  std::uint32_t attempts = ConsumerGroupSettings{}.attempts_max;
  std::string when_exhausted = "park";
  bool hold_behind_parked = false;
  std::string answer_within = usual(&ConsumerGroupSettings::answer_within);
  std::string lease = usual(&ConsumerGroupSettings::lease);
};

struct GroupOption {
  std::string name;
};

struct RemoveOptions : GroupOption, KindOptions {
  bool yes = false;
};

bool is_position(std::string text) {  // the check may change what it is given
  return whole_number(INT64_MAX)(text).empty();
}

std::string check_start(const std::string& text) {
  if (text == "start" || text == "end" || parse_timestamp(text)) return "";
  if (!is_position(text)) return "not start, end, a position or a time: " + text;
  return text == "0" ? "the first position is 1, not 0" : "";
}

SubscriptionStart start_of(const std::string& text) {
  if (text == "start") return FromStart{};
  if (text == "end") return FromEnd{};
  if (const auto time = parse_timestamp(text)) return SinceTime{*time};
  return AfterPosition{{std::stoull(text) - 1}};
}

void declare_filter(CLI::App& command, CreateOptions& options) {
  auto* category = command
                       .add_option("--category", options.category,
                                   "Only events of streams of this category: the part of the name "
                                   "before its first '-'")
                       ->type_name("C");
  command
      .add_option("--stream-prefix", options.stream_prefix,
                  "Only events of streams whose name begins with P")
      ->type_name("P");
  add_repeatable(command, "--type", options.types,
                 "Only events of this type; given again: of one of these")
      ->type_name("T");
  add_repeatable(command, "--tag", options.tags,
                 "Only events with this tag; given again: with one of these")
      ->type_name("T")
      ->excludes(category);
  command
      .add_option("--from", options.from,
                  "Where it begins: start, with the first event; end, with what is appended from "
                  "now on; a position, with the event there; a time as 2010-10-02T07:20:39Z, with "
                  "the first event recorded then or later")
      ->check(CLI::Validator([](const std::string& text) { return check_start(text); }, ""))
      ->type_name("start|end|POSITION|TIME")
      ->capture_default_str();
}

void declare_delivery(CLI::App& command, CreateOptions& options) {
  command
      .add_option("--key-tag", options.key_tag,
                  "Events are delivered in order where what follows this prefix in a tag of theirs "
                  "is the same, as 17 in customer:17 (default: where their stream is the same)")
      ->type_name("PREFIX");
  command
      .add_option("--attempts", options.attempts,
                  "How often an event is delivered that its consumer cannot deal with")
      ->check(whole_number(UINT32_MAX))
      ->check(must_be("1 or more", [](const auto& text) { return text != "0"; }))
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option("--when-exhausted", options.when_exhausted,
                  "What becomes of it then: it is put aside, it is left out, or the group stops "
                  "before it")
      ->check(CLI::IsMember({"park", "skip", "stop"}).description(""))
      ->type_name("park|skip|stop")
      ->capture_default_str();
  command.add_flag("--hold-behind-parked", options.hold_behind_parked,
                   "While an event is parked, park later ones of its key behind it");
  command
      .add_option("--answer-within", options.answer_within,
                  "A delivery that is not answered for so long is made again, as 90s or 5m")
      ->check(duration(std::chrono::seconds(1)))
      ->type_name("TIME")
      ->capture_default_str();
  command
      .add_option("--lease", options.lease,
                  "A member that has not been heard of for so long has left, as 10s")
      ->check(duration(std::chrono::seconds(1)))
      ->type_name("TIME")
      ->capture_default_str();
}

void declare_create(CLI::App& command, CreateOptions& options) {
  declare_group(command, options.name);
  declare_filter(command, options);
  declare_delivery(command, options);
  command.footer("Example:  event-store subscription create mailer --category order --from end");
}

void declare_remove(CLI::App& command, RemoveOptions& options) {
  command.add_option("NAME", options.name, "A consumer group, or a checkpoint")
      ->required()
      ->type_name("");
  declare_kind(command, options);
  command.add_flag("--yes", options.yes, "Do not ask; needed where there is no terminal to ask at");
  command.footer("Example:  event-store subscription remove mailer");
}

void declare_resume(CLI::App& command, GroupOption& options) {
  declare_group(command, options.name);
  command.footer("Example:  event-store subscription resume mailer");
}

// Of a group that was changed.
Outcome print_status(Session& session, ConsumerGroups& groups, const std::string& name) {
  auto status = status_of_group(session, groups, name);
  if (!status) return std::unexpected(std::move(status).error());
  session.done = *std::move(status);
  const auto format = session.object_format();
  print_object(session.output, format, shown(session.done, format));
  return ExitCode::Done;
}

NackAction last_resort_of(const std::string& name) {
  if (name == "skip") return NackAction::Skip;
  return name == "stop" ? NackAction::Stop : NackAction::Park;
}

ConsumerGroupSettings settings_of(const CreateOptions& options) {
  ConsumerGroupSettings settings{
      .filter = {.types = options.types, .stream_prefix = options.stream_prefix},
      .start = start_of(options.from),
      .key_tag_prefix = options.key_tag,
      .attempts_max = options.attempts,
      .when_exhausted = last_resort_of(options.when_exhausted),
      .holds_behind_parked = options.hold_behind_parked,
      .answer_within = *parse_duration(options.answer_within, std::chrono::seconds(1)),
      .lease = *parse_duration(options.lease, std::chrono::seconds(1))};
  if (options.category) settings.filter.selector = SelectCategory{*options.category};
  if (!options.tags.empty()) {
    std::vector<QueryItem> items;
    items.reserve(options.tags.size());
    for (const auto& tag : options.tags) items.push_back({.tags = {tag}});
    settings.filter.selector = Query::of(std::move(items));
  }
  return settings;
}

Failure already_there(const std::string& name, const std::string& what) {
  Failure failure("already_exists", what + "; it stays as it is");
  failure.details["subscription"] = name;
  failure.exit_code = ExitCode::Conflict;
  return failure;
}

Outcome create(Session& session, const CreateOptions& options) {
  auto opened = open_state_session(session, StateAccess::Make);
  if (!opened) return std::unexpected(std::move(opened).error());
  ConsumerGroups groups(*opened->subscriptions, *opened->state);
  const auto created = groups.create(options.name, settings_of(options));
  if (!created) {
    const bool is_refused = created.error().code == ErrorCode::InvalidArgument;
    if (is_refused && groups.status(options.name)) {
      return std::unexpected(already_there(options.name, created.error().message));
    }
    return std::unexpected(group_failure(session, options.name, created.error()));
  }
  if (!*created) {
    return std::unexpected(already_there(
        options.name, fmt::format("there is a consumer group \"{}\" already", options.name)));
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

// What there is of a name.
struct Found {
  std::optional<ConsumerGroupStatus> group = {};
  std::optional<Checkpoint> checkpoint = {};
};

Expected<Found> find(StateSession& opened, const std::string& name) {
  Found found;
  auto group = ConsumerGroups(*opened.subscriptions, *opened.state).status(name);
  if (!group && group.error().code != ErrorCode::NotFound) {
    return std::unexpected(Failure(std::move(group).error()));
  }
  if (group) found.group = *std::move(group);
  auto open = opened.state->begin_read(std::chrono::steady_clock::now() + kPatience);
  if (!open) return std::unexpected(Failure(std::move(open).error()));
  auto checkpoint = load_checkpoint(**open, name);
  if (!checkpoint) return std::unexpected(Failure(std::move(checkpoint).error()));
  found.checkpoint = *std::move(checkpoint);
  return found;
}

// What is asked for; what is not is taken out of `found`.
Expected<void> choose(const Session& session, const RemoveOptions& options, Found& found) {
  if (options.group) found.checkpoint.reset();
  if (options.checkpoint) found.group.reset();
  if (!found.group && !found.checkpoint) {
    const auto* const kind = options.group        ? "consumer group"
                             : options.checkpoint ? "checkpoint"
                                                  : "consumer group or checkpoint";
    return std::unexpected(no_such_subscription(session, kind, options.name));
  }
  if (!found.group || !found.checkpoint) return {};
  auto failure = usage_failure(
      fmt::format("there is a consumer group \"{}\" and a checkpoint \"{}\": give --group or "
                  "--checkpoint to say which",
                  options.name, options.name));
  failure.details["subscription"] = options.name;
  return std::unexpected(std::move(failure));
}

std::string describe(const Found& found) {
  if (found.group) {
    return fmt::format("this deletes consumer group \"{}\" with its position, {}, and {}",
                       found.group->name, found.group->position.value,
                       counted(found.group->parked, "parked event"));
  }
  return fmt::format(
      "this deletes checkpoint \"{}\" at position {}, so that its subscriber begins anew",
      found.checkpoint->name, found.checkpoint->position.value);
}

Result<bool> take_checkpoint(StateSession& opened, const std::string& name) {
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
  Found found;
  if (opened->state != nullptr) {
    auto there = find(*opened, options.name);
    if (!there) return std::unexpected(std::move(there).error());
    found = *std::move(there);
  }
  if (auto chosen = choose(session, options, found); !chosen) {
    return std::unexpected(std::move(chosen).error());
  }
  if (!options.yes) {
    if (auto answer = confirm(describe(found)); !answer) {
      return std::unexpected(std::move(answer).error());
    }
  }
  const auto removed =
      found.group ? ConsumerGroups(*opened->subscriptions, *opened->state).remove(options.name)
                  : take_checkpoint(*opened, options.name);
  if (!removed) return std::unexpected(group_failure(session, options.name, removed.error()));
  session.done = {{"subscription", options.name},
                  {"kind", found.group ? "group" : "checkpoint"},
                  {"removed", *removed}};
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
