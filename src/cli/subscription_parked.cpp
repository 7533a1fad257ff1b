#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/confirm.hpp"
#include "cli/state_commands.hpp"
#include "cli/state_session.hpp"
#include "cli/subscription_names.hpp"
#include "eventstore/consumer_group.hpp"

// subscription parked, replay and discard: the events that a group has put aside.
namespace eventstore::cli {
namespace {

constexpr std::uint64_t kPageEvents = 1000;

struct ParkedOptions {
  std::string name;
  std::optional<std::uint64_t> after = {};
  std::optional<std::uint64_t> limit = {};
};

struct PositionsOptions {
  std::string name;
  std::vector<std::uint64_t> positions;
};

struct ReplayOptions : PositionsOptions {
  bool all = false;
};

struct DiscardOptions : PositionsOptions {
  bool yes = false;
};

CLI::Option* declare_positions(CLI::App& command, PositionsOptions& options) {
  declare_group(command, options.name);
  return command.add_option("POSITION", options.positions, "Positions of parked events")
      ->check(whole_number(INT64_MAX))
      ->type_name("");
}

void declare_parked(CLI::App& command, ParkedOptions& options) {
  declare_group(command, options.name);
  add_number(command, "--after", options.after, "Only events after this position");
  add_number(command, "--limit", options.limit, "At most so many events (default: all)");
  command.footer("Example:  event-store subscription parked mailer");
}

void declare_replay(CLI::App& command, ReplayOptions& options) {
  auto* positions = declare_positions(command, options);
  command.add_flag("--all", options.all, "All that is parked")->excludes(positions);
  command.footer("Example:  event-store subscription replay mailer 3508 3510");
}

void declare_discard(CLI::App& command, DiscardOptions& options) {
  declare_positions(command, options)->required();
  command.add_flag("--yes", options.yes, "Do not ask; needed where there is no terminal to ask at");
  command.footer("Example:  event-store subscription discard mailer 3508");
}

std::vector<GlobalPosition> positions_of(const PositionsOptions& options) {
  std::vector<GlobalPosition> positions;
  positions.reserve(options.positions.size());
  for (const auto position : options.positions) positions.push_back({position});
  return positions;
}

nlohmann::ordered_json to_json(const ParkedEvent& event) {
  return {{"position", event.position.value},
          {"stream", event.stream},
          {"version", event.version.value},
          {"type", event.type},
          {"key", event.key},
          {"attempts", event.attempts},
          {"parked_at", format_timestamp(event.parked_at)},
          {"to_be_replayed", event.is_to_be_replayed},
          {"error", event.last_error}};
}

std::vector<Column> columns() {
  return {{.name = "position", .number = true},
          {.name = "stream"},
          {.name = "type"},
          {.name = "key"},
          {.name = "attempts", .number = true},
          {.name = "parked_at"},
          {.name = "to_be_replayed"},
          {.name = "error"}};
}

// Page by page.
Outcome list_parked(Session& session, ConsumerGroups& groups, const ParkedOptions& options) {
  std::optional<ObjectList> list;
  auto left = options.limit.value_or(UINT64_MAX);
  GlobalPosition after{std::min<std::uint64_t>(options.after.value_or(0), INT64_MAX)};
  do {
    const auto page = groups.parked(options.name, after, std::min(kPageEvents, left));
    if (!page) return std::unexpected(group_failure(session, options.name, page.error()));
    if (!list) list.emplace(session.output, session.list_format(), columns());
    for (const auto& event : *page) list->add(to_json(event));
    left = page->size() < kPageEvents ? 0 : left - page->size();
    if (!page->empty()) after = page->back().position;
  } while (left > 0 && session.output.usable());
  list->finish();
  return ExitCode::Done;
}

Outcome parked(Session& session, const ParkedOptions& options) {
  auto opened = open_state_session(session, StateAccess::Read);
  if (!opened) return std::unexpected(std::move(opened).error());
  const auto missing = [&] {
    return no_such_subscription(session, "consumer group", options.name);
  };
  if (opened->state == nullptr) return std::unexpected(missing());
  ConsumerGroups groups(*opened->subscriptions, *opened->state);
  return list_parked(session, groups, options);
}

Outcome replay(Session& session, const ReplayOptions& options) {
  if (!options.all && options.positions.empty()) {
    return std::unexpected(usage_failure("give the positions of parked events, or --all"));
  }
  return change_group(session, options.name, [&](ConsumerGroups& groups) -> Outcome {
    const auto replayed = options.all ? groups.replay_all(options.name)
                                      : groups.replay(options.name, positions_of(options));
    if (!replayed) return std::unexpected(group_failure(session, options.name, replayed.error()));
    session.done = {{"subscription", options.name}, {"to_be_replayed", *replayed}};
    print_object(session.output, session.object_format(), session.done);
    return ExitCode::Done;
  });
}

Outcome discard(Session& session, const DiscardOptions& options) {
  return change_group(session, options.name, [&](ConsumerGroups& groups) -> Outcome {
    const auto status = groups.status(options.name);
    if (!status) return std::unexpected(group_failure(session, options.name, status.error()));
    if (!options.yes) {
      const auto what =
          fmt::format("this leaves {} out for good that the consumer group \"{}\" has parked",
                      counted(options.positions.size(), "event"), options.name);
      if (auto answer = confirm(what); !answer) return std::unexpected(std::move(answer).error());
    }
    const auto discarded = groups.discard(options.name, positions_of(options));
    if (!discarded) {
      return std::unexpected(group_failure(session, options.name, discarded.error()));
    }
    session.done = {{"subscription", options.name}, {"discarded", *discarded}};
    print_object(session.output, session.object_format(), session.done);
    return ExitCode::Done;
  });
}

}  // namespace

void add_parked_commands(CLI::App& subscription, Session& session) {
  add_command(subscription, session, "parked",
              "List the events that a consumer group has put aside", declare_parked, parked);
  add_command(subscription, session, "replay", "Have parked events delivered again", declare_replay,
              replay);
  add_command(subscription, session, "discard", "Leave parked events out for good", declare_discard,
              discard);
}

}  // namespace eventstore::cli
