#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <system_error>

#include <fmt/format.h>

#include "cli/interrupt.hpp"
#include "cli/session.hpp"

namespace eventstore::cli {
namespace {

using std::chrono::steady_clock;

// How long a pause goes on before we look whether anybody still reads our output.
constexpr auto kPatience = std::chrono::seconds(1);

struct ReplayOptions {
  std::optional<std::uint64_t> from = {};
  std::optional<std::uint64_t> to = {};
  std::vector<std::string> streams = {};
  std::vector<std::string> categories = {};
  std::vector<std::string> types = {};
  std::vector<std::string> tags = {};
  std::optional<double> speed = {};
};

std::string check_speed(const std::string& text) {
  double speed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(speed) && speed > 0 ? "" : "not a number above 0: " + text;
}

void declare_replay(CLI::App& command, ReplayOptions& options) {
  add_place(command, "--from", options.from, "Start at this position");
  add_place(command, "--to", options.to, "End after this position");
  add_repeatable(command, "--stream", options.streams, "Only events of this stream")
      ->type_name("S");
  add_repeatable(command, "--category", options.categories, "Only events of this category")
      ->type_name("C");
  add_repeatable(command, "--type", options.types, "Only events of this type")->type_name("T");
  add_repeatable(command, "--tag", options.tags, "Only events with this tag")->type_name("T");
  command
      .add_option("--speed", options.speed,
                  "Pause as the events once did, X times as fast (default: without pauses)")
      ->check(CLI::Validator(check_speed, ""))
      ->type_name("X");
  command.footer(
      "Each of --stream, --category, --type and --tag may be given again: an event matches if it "
      "has one of the streams, and one of the categories, and one of the types, and one of the "
      "tags.\n"
      "Example:  event-store event replay --type OrderPlaced --speed 60");
}

bool is_one_of(const std::vector<std::string>& wanted, std::string_view actual) {
  return wanted.empty() || std::ranges::find(wanted, actual) != wanted.end();
}

bool matches(const ReplayOptions& options, const EventView& event) {
  return is_one_of(options.streams, event.stream) &&
         is_one_of(options.categories, category_of(event.stream)) &&
         is_one_of(options.types, event.type) &&
         (options.tags.empty() || std::ranges::any_of(options.tags, [&](const auto& tag) {
            return event.tags.contains(tag);
          }));
}

// The narrowest read that covers the selection; matches() then takes away what is too much.
ReadRequest narrowest_read(const ReplayOptions& options) {
  // Streams of the store's own are read where they are named, however many are.
  ReadRequest request{.from = options.from,
                      .to = options.to,
                      .types = options.types,
                      .include_system = !options.streams.empty()};
  if (options.streams.size() == 1) {
    // In a stream, from and to would be versions.
    return {.selector = SelectStream{options.streams[0]}, .types = options.types};
  }
  if (!options.tags.empty()) {
    std::vector<QueryItem> items;
    items.reserve(options.tags.size());
    for (const auto& tag : options.tags) items.push_back({.types = options.types, .tags = {tag}});
    request.selector = Query::of(std::move(items));
  } else if (!options.types.empty()) {
    request.selector = Query::of({{.types = options.types}});
  } else if (options.categories.size() == 1) {
    request.selector = SelectCategory{options.categories[0]};
  }
  return request;
}

// The time between two events in a row: as their producers saw it, or if either did not say, as the
// store recorded it. Never negative.
std::chrono::microseconds gap_between(const RecordedEvent& before, const EventView& event) {
  const bool produced = before.occurred_at && event.occurred_at;
  const auto gap =
      produced ? *event.occurred_at - *before.occurred_at : event.recorded_at - before.recorded_at;
  return std::max(gap, std::chrono::microseconds(0));
}

// Waits before each event but the first, so that the gaps are those of long ago divided by the
// speed.
class Pace {
 public:
  Pace(double speed, std::stop_token stop) : speed_(speed), stop_(std::move(stop)) {}

  // True if there is something to wait for before `event`.
  bool is_due(const EventView& event) {
    if (before_)
      due_ += std::chrono::duration<double, std::micro>(gap_between(*before_, event)) / speed_;
    before_.emplace();
    before_->occurred_at = event.occurred_at;
    before_->recorded_at = event.recorded_at;
    return steady_clock::now() - start_ >= due_;
  }

  // Returns when the event of the last is_due() is due, at a stop, or once nobody reads `output`.
  void wait(const Output& output) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stop_.stop_requested() && !output.reader_gone()) {
      const auto left = due_ - (steady_clock::now() - start_);
      if (left <= Span::zero()) return;
      stopped.wait_for(lock, stop_, std::min<Span>(left, kPatience), [] { return false; });
    }
  }

 private:
  using Span = std::chrono::duration<double>;

  double speed_;
  std::stop_token stop_;
  steady_clock::time_point start_ = steady_clock::now();
  Span due_{0};
  std::optional<RecordedEvent> before_;  // its times alone
};

Outcome replay(Session& session, const ReplayOptions& options) {
  if (options.from && options.to && *options.from > *options.to) {
    return std::unexpected(
        usage_failure(fmt::format("--from {} lies behind --to {}", *options.from, *options.to)));
  }
  const Interrupt interrupt;
  auto store = open_store(session, Access::Read);
  if (!store) return std::unexpected(std::move(store).error());

  Pace pace(options.speed.value_or(1), interrupt.token());
  EventList list(session.output, session.list_format());
  const auto read =
      for_each_event(session, **store, narrowest_read(options), [&](const EventView& event) {
        if (event.position.value < options.from.value_or(0)) return true;
        if (event.position.value > options.to.value_or(UINT64_MAX)) return false;
        if (interrupt.requested() || session.output.reader_gone()) return false;
        if (!matches(options, event)) return true;
        if (options.speed && !pace.is_due(event)) {
          list.flush();  // what came before is seen while we wait
          pace.wait(session.output);
          if (interrupt.requested() || session.output.reader_gone()) return false;
        }
        list.add(event);
        return true;
      });
  list.finish();
  if (!read) return std::unexpected(read.error());
  if (interrupt.requested()) {
    return std::unexpected(Failure("cancelled", "interrupted before the last event"));
  }
  return ExitCode::Done;
}

}  // namespace

void add_replay_command(CLI::App& event, Session& session) {
  add_command(event, session, "replay",
              "Print events in their original order, also at their original pace", declare_replay,
              replay);
}

}  // namespace eventstore::cli
