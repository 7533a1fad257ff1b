#include <chrono>

#include "cli/interrupt.hpp"
#include "cli/session.hpp"

namespace eventstore::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kEventsByDefault = 10;
// How long a wait goes on before we look whether anybody still reads our output.
constexpr auto kPatience = std::chrono::seconds(1);

struct TailOptions {
  std::optional<std::uint64_t> from = {};
  bool follow = false;
};

void declare_tail(CLI::App& command, TailOptions& options) {
  add_place(command, "--from", options.from,
            "Start at this position (default: the last 10 events)");
  command.add_flag("--follow", options.follow,
                   "Go on with new events as they come, until interrupted");
  command.footer("Example:  event-store event tail --follow --output ndjson");
}

// The position of the tenth event from the end, or of the first one.
Expected<std::uint64_t> last_events_begin(Session& session, EventStore& store) {
  std::uint64_t position = 1;
  const auto read =
      for_each_event(session, store, {.direction = Direction::Backwards, .limit = kEventsByDefault},
                     [&](const EventView& event) {
                       position = event.position.value;
                       return true;
                     });
  if (!read) return std::unexpected(read.error());
  return position;
}

// Prints events as they come until interrupted, or until nobody reads them or they cannot be
// written.
Expected<void> follow(Session& session, EventStore& store, const Interrupt& interrupt,
                      EventList& list, GlobalPosition seen) {
  while (!interrupt.requested() && session.output.usable() && !session.output.reader_gone()) {
    const auto head = store.wait_past(seen, steady_clock::now() + kPatience, interrupt.token());
    if (!head && head.error().code == ErrorCode::DeadlineExceeded) continue;
    if (!head && head.error().code == ErrorCode::Cancelled) break;
    if (!head) return std::unexpected(Failure(head.error()));

    const auto read =
        for_each_event(session, store, {.from = seen.value + 1}, [&](const EventView& event) {
          list.add(event);
          return !interrupt.requested();
        });
    if (!read) return std::unexpected(read.error());
    seen = *read;
    list.flush();
  }
  return {};
}

Outcome tail(Session& session, const TailOptions& options) {
  const Interrupt interrupt;
  auto store = open_store(session, Access::Read);
  if (!store) return std::unexpected(std::move(store).error());

  auto from = options.from;
  if (!from) {
    const auto begin = last_events_begin(session, **store);
    if (!begin) return std::unexpected(begin.error());
    from = *begin;
  }

  EventList list(session.output, session.list_format());
  const auto stored = for_each_event(session, **store, {.from = from}, [&](const EventView& event) {
    list.add(event);
    return !interrupt.requested();
  });
  auto outcome = stored ? Expected<void>() : std::unexpected(stored.error());
  if (stored && options.follow) {
    list.flush();
    // What lies below --from is not asked for, also where it is yet to come.
    const GlobalPosition seen{
        std::max(stored->value, from.value_or(1) - std::min<std::uint64_t>(from.value_or(1), 1))};
    outcome = follow(session, **store, interrupt, list, seen);
  }
  list.finish();
  if (!outcome) return std::unexpected(outcome.error());
  return ExitCode::Done;
}

}  // namespace

void add_tail_command(CLI::App& event, Session& session) {
  add_command(event, session, "tail",
              "Print the newest events of the whole store, and go on with new ones", declare_tail,
              tail);
}

}  // namespace eventstore::cli
