#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

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
  bool all = false;
};

struct ReplayOptions : PositionsOptions {};

struct DiscardOptions : PositionsOptions {
  bool yes = false;
};

void declare_positions(CLI::App& command, PositionsOptions& options) {
  declare_group(command, options.name);
  auto* positions = command.add_option("POSITION", options.positions, "Positions of parked events")
                        ->check(whole_number(INT64_MAX))
                        ->type_name("");
  command.add_flag("--all", options.all, "All that is parked")->excludes(positions);
}

void declare_parked(CLI::App& command, ParkedOptions& options) {
  declare_group(command, options.name);
  add_number(command, "--after", options.after, "Only events after this position");
  add_number(command, "--limit", options.limit, "At most so many events (default: all)");
  command.footer("Example:  event-store subscription parked mailer");
}

void declare_replay(CLI::App& command, ReplayOptions& options) {
  declare_positions(command, options);
  command.footer("Example:  event-store subscription replay mailer 3508 3510");
}

void declare_discard(CLI::App& command, DiscardOptions& options) {
  declare_positions(command, options);
  command.add_flag("--yes", options.yes, "Do not ask; needed where there is no terminal to ask at");
  command.footer("Example:  event-store subscription discard mailer 3508");
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

// Calls `visit` with each page of what is parked after `after`, up to `limit` events: with an empty
// one where there is nothing.
Expected<void> for_each_page(Session& session, ConsumerGroups& groups, const std::string& name,
                             GlobalPosition after, std::uint64_t limit,
                             const std::function<void(const std::vector<ParkedEvent>&)>& visit) {
  do {
    const auto page = groups.parked(name, after, std::min(kPageEvents, limit));
    if (!page) return std::unexpected(group_failure(session, name, page.error()));
    visit(*page);
    limit = page->size() < kPageEvents ? 0 : limit - page->size();
    if (!page->empty()) after = page->back().position;
  } while (limit > 0 && session.output.usable());
  return {};
}

Outcome list_parked(Session& session, ConsumerGroups& groups, const ParkedOptions& options) {
  std::optional<ObjectList> list;
  const GlobalPosition after{std::min<std::uint64_t>(options.after.value_or(0), INT64_MAX)};
  const auto listed =
      for_each_page(session, groups, options.name, after, options.limit.value_or(UINT64_MAX),
                    [&](const auto& page) {
                      if (!list) list.emplace(session.output, session.list_format(), columns());
                      for (const auto& event : page) list->add(to_json(event));
                    });
  if (!listed) return std::unexpected(listed.error());
  list->finish();
  return ExitCode::Done;
}

Failure not_parked(const std::string& name, const std::vector<std::uint64_t>& positions) {
  const bool is_one = positions.size() == 1;
  Failure failure("not_found",
                  fmt::format("event{} {} {} not parked in consumer group \"{}\"; `event-store "
                              "subscription parked {}` lists those that are",
                              is_one ? "" : "s", fmt::join(positions, ", "), is_one ? "is" : "are",
                              name, name));
  failure.details = {{"subscription", name}, {"positions", positions}};
  return failure;
}

// Those that are meant, each once. Fails where one of them is not parked.
Expected<std::vector<GlobalPosition>> find_parked(Session& session, ConsumerGroups& groups,
                                                  const PositionsOptions& options) {
  std::vector<GlobalPosition> found;
  if (options.all) {
    const auto listed =
        for_each_page(session, groups, options.name, {}, UINT64_MAX, [&](const auto& page) {
          for (const auto& event : page) found.push_back(event.position);
        });
    if (!listed) return std::unexpected(listed.error());
    return found;
  }
  std::vector<std::uint64_t> others;
  for (const auto position : std::set(options.positions.begin(), options.positions.end())) {
    const auto next = groups.parked(options.name, {std::max<std::uint64_t>(position, 1) - 1}, 1);
    if (!next) return std::unexpected(group_failure(session, options.name, next.error()));
    const bool is_there = !next->empty() && next->front().position.value == position;
    if (is_there) found.push_back({position});
    if (!is_there) others.push_back(position);
  }
  if (!others.empty()) return std::unexpected(not_parked(options.name, others));
  return found;
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

// Has `work` done to the parked events that are meant.
Outcome change_parked(
    Session& session, const PositionsOptions& options,
    const std::function<Outcome(ConsumerGroups&, const std::vector<GlobalPosition>&)>& work) {
  if (!options.all && options.positions.empty()) {
    return std::unexpected(usage_failure("give the positions of parked events, or --all"));
  }
  return change_group(session, options.name, [&](ConsumerGroups& groups) -> Outcome {
    const auto positions = find_parked(session, groups, options);
    if (!positions) return std::unexpected(positions.error());
    return work(groups, *positions);
  });
}

Outcome replay(Session& session, const ReplayOptions& options) {
  const auto tell = [&](const Result<std::uint64_t>& replayed) -> Outcome {
    if (!replayed) return std::unexpected(group_failure(session, options.name, replayed.error()));
    session.done = {{"subscription", options.name}, {"to_be_replayed", *replayed}};
    print_object(session.output, session.object_format(), session.done);
    return ExitCode::Done;
  };
  if (options.all) {
    return change_group(session, options.name, [&](ConsumerGroups& groups) {
      return tell(groups.replay_all(options.name));
    });
  }
  return change_parked(session, options, [&](auto& groups, const auto& positions) {
    return tell(groups.replay(options.name, positions));
  });
}

Outcome discard(Session& session, const DiscardOptions& options) {
  return change_parked(session, options, [&](auto& groups, const auto& positions) -> Outcome {
    if (!options.yes && !positions.empty()) {
      const auto what =
          fmt::format("this leaves {} out for good that consumer group \"{}\" has parked",
                      counted(positions.size(), "event"), options.name);
      if (auto answer = confirm(what); !answer) return std::unexpected(std::move(answer).error());
    }
    const auto discarded = groups.discard(options.name, positions);
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
