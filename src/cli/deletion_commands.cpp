#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/confirm.hpp"
#include "cli/option_value.hpp"
#include "cli/session.hpp"

// stream truncate, retain, delete and tombstone.
namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::seconds kAgeMin{1};

struct DeletionOptions {
  std::string stream;
  std::optional<std::string> expected = {};
  bool yes = false;
};

struct TruncateOptions : DeletionOptions {
  std::optional<std::uint64_t> before = {};
};

struct RetainOptions : DeletionOptions {
  std::optional<std::uint64_t> max_count = {};
  std::optional<std::string> max_age = {};
  bool clear = false;
};

void declare(CLI::App& command, DeletionOptions& options) {
  command.add_option("STREAM", options.stream, "The stream's name")->required()->type_name("");
  command
      .add_option("--expect", options.expected,
                  "What the stream must be (default: any; on a terminal what was shown)")
      ->check(must_be("any, none, exists or a version",
                      [](const auto& text) { return parse_expected(text).has_value(); }))
      ->type_name("any|none|exists|N");
  command.add_flag("--yes", options.yes, "Do not ask; needed where there is no terminal to ask at");
}

void declare_truncate(CLI::App& command, TruncateOptions& options) {
  declare(command, options);
  add_place(command, "--before", options.before, "The first version that stays")->required();
  command.footer("Example:  event-store stream truncate permit-891 --before 10");
}

void declare_retain(CLI::App& command, RetainOptions& options) {
  declare(command, options);
  add_place(command, "--max-count", options.max_count, "Keep the last N events");
  command.add_option("--max-age", options.max_age, "Keep events recorded at most so long ago")
      ->check(duration(kAgeMin))
      ->type_name("TIME");
  command.add_flag("--clear", options.clear, "Take away what is not given here");
  command.footer("Example:  event-store stream retain sensor-7 --max-count 1000 --max-age 30d");
}

void declare_delete(CLI::App& command, DeletionOptions& options) {
  declare(command, options);
  command.footer("Example:  event-store stream delete permit-891");
}

void declare_tombstone(CLI::App& command, DeletionOptions& options) {
  declare(command, options);
  command.footer("Example:  event-store stream tombstone permit-891");
}

// A stream as it is before or after a change.
struct Look {
  StreamInfo info;  // of version 0 where there is no such stream
  StreamMetadata metadata;
};

Expected<Look> look_at(EventStore& store, const std::string& stream) {
  auto info = store.stream_info(stream);
  if (!info) return std::unexpected(Failure(info.error()));
  auto metadata = store.stream_metadata(stream);
  if (!metadata) return std::unexpected(Failure(metadata.error()));
  const StreamInfo none{.stream = stream, .version = {}, .first_version = {1}};
  return Look{.info = info->value_or(none), .metadata = *std::move(metadata)};
}

// What one of the commands does.
struct Deletion {
  bool of_what_is_there = true;  // a stream that is not there is an error
  // What will be gone; absent where nothing will, and so there is nothing to ask.
  std::function<Expected<std::optional<std::string>>(const Look& before)> describe;
  std::function<Result<StreamChange>(EventStore& store, const Look& before, ExpectedVersion)> make;
};

Expected<Look> look_for(Session& session, EventStore& store, const std::string& stream,
                        const Deletion& deletion) {
  auto look = look_at(store, stream);
  if (look && look->info.version.value == 0 && deletion.of_what_is_there) {
    return std::unexpected(no_such_stream(session, stream));
  }
  return look;
}

// What is to be asked before the deletion; absent where there is nothing to ask. What would be
// refused afterwards is refused now.
Expected<std::optional<std::string>> question(EventStore& store, const Look& look,
                                              const Deletion& deletion, ExpectedVersion expected) {
  if (look.info.stream.starts_with("$$")) {
    return std::unexpected(
        Failure(Error{.code = ErrorCode::InvalidArgument,
                      .message = "stream \"" + look.info.stream +
                                 "\" is the metadata of a stream, which cannot be deleted"}));
  }
  // None of them can be done to a tombstoned stream, for which any() holds.
  if (look.info.state == StreamState::Tombstoned) expected = ExpectedVersion::stream_exists();
  const auto holds = store.append({.checks = {{.stream = look.info.stream, .expected = expected}}});
  if (!holds) return std::unexpected(Failure(holds.error()));
  return deletion.describe(look);
}

void print_change(Session& session, const StreamChange& change, const Look& before,
                  const Look& after) {
  const auto& info = after.info;
  ordered_json object = {{"stream", info.stream},
                         {"changed", change.changed},
                         {"position", change.position.value},
                         {"events_gone", before.info.events - info.events},
                         {"version", info.version.value},
                         {"first_version", info.first_version.value},
                         {"events", info.events},
                         {"state", to_string(info.state)}};
  object.update(bounds_json(after.metadata));
  session.done = object;
  print_object(session.output, session.object_format(), object);
}

Outcome run(Session& session, const DeletionOptions& options, const Deletion& deletion) {
  auto store = open_store(session, Access::Write);
  if (!store) return std::unexpected(std::move(store).error());
  auto before = look_for(session, **store, options.stream, deletion);
  if (!before) return std::unexpected(before.error());

  auto expected = ExpectedVersion::any();
  if (!options.yes) expected = ExpectedVersion::exactly(before->info.version);
  if (options.expected) expected = *parse_expected(*options.expected);

  if (!options.yes) {
    const auto asked = question(**store, *before, deletion, expected);
    if (!asked) return std::unexpected(asked.error());
    if (*asked) {
      store->reset();  // somebody may write while we wait for the answer
      if (auto said = confirm(**asked); !said) return std::unexpected(std::move(said).error());
      store = open_store(session, Access::Write);
      if (!store) return std::unexpected(std::move(store).error());
      before = look_for(session, **store, options.stream, deletion);
      if (!before) return std::unexpected(before.error());
    }
  }

  const auto change = deletion.make(**store, *before, expected);
  if (!change) return std::unexpected(Failure(change.error()));
  session.done = {{"stream", options.stream}, {"position", change->position.value}};
  const auto after = look_at(**store, options.stream);
  if (!after) return std::unexpected(after.error());
  print_change(session, *change, *before, *after);
  return ExitCode::Done;
}

// "2 events (versions 1 to 2)" of those from `first` on and before `end`; absent where none is.
std::optional<std::string> versions_from(const Look& look, std::uint64_t first, std::uint64_t end) {
  first = std::max(first, look.info.first_version.value);
  if (first >= end) return std::nullopt;
  if (first + 1 == end) return fmt::format("1 event (version {})", first);
  return fmt::format("{} (versions {} to {})", counted(end - first, "event"), first, end - 1);
}

std::uint64_t next_version(const Look& look) {
  return look.info.version.value + 1;
}

std::optional<std::string> all_events(const Look& look) {
  return versions_from(look, 1, next_version(look));
}

Expected<std::optional<std::string>> describe_truncation(const Look& look, StreamVersion before) {
  if (before.value > next_version(look)) {
    return std::unexpected(
        Failure(Error{.code = ErrorCode::InvalidArgument,
                      .message = fmt::format("stream \"{}\" cannot be truncated before version {}: "
                                             "its next version is {}",
                                             look.info.stream, before.value, next_version(look))}));
  }
  const auto gone = versions_from(look, 1, before.value);
  if (!gone) return std::nullopt;
  return fmt::format("this deletes {} of stream \"{}\"", *gone, look.info.stream);
}

Outcome truncate_stream(Session& session, const TruncateOptions& options) {
  const StreamVersion before{*options.before};
  return run(session, options,
             {.describe = [&](const Look& look) { return describe_truncation(look, before); },
              .make =
                  [&](EventStore& store, const Look&, ExpectedVersion expected) {
                    return store.truncate_stream(options.stream, before, expected);
                  }});
}

// What the stream is to keep: what is not given stays as it is.
Retention retention_of(const RetainOptions& options, const Look& look) {
  auto retention = options.clear ? Retention{} : look.metadata.retention;
  if (options.max_count) retention.max_count = options.max_count;
  if (options.max_age) retention.max_age = *parse_duration(*options.max_age, kAgeMin);
  return retention;
}

// How many events are too old is for the library to find out: it has the store's time.
std::string describe_retention(const Look& look, const Retention& retention) {
  const auto& stream = look.info.stream;
  if (!retention.max_count && !retention.max_age) {
    return fmt::format("stream \"{}\" will keep all events from version {} on", stream,
                       look.info.first_version.value);
  }
  std::vector<std::string> what;
  if (retention.max_count) {
    const auto next = next_version(look);
    const auto first = next > *retention.max_count ? next - *retention.max_count : 1;
    what.push_back(fmt::format("all but its last {}, which deletes {} at once",
                               counted(*retention.max_count, "event"),
                               versions_from(look, 1, first).value_or("nothing")));
  }
  if (retention.max_age) {
    what.push_back(fmt::format("all that is older than {}, which is not counted",
                               format_duration(*retention.max_age)));
  }
  return fmt::format("stream \"{}\" will lose {}", stream, fmt::join(what, ", and "));
}

Outcome retain_stream(Session& session, const RetainOptions& options) {
  if (!options.max_count && !options.max_age && !options.clear) {
    return std::unexpected(usage_failure("give --max-count, --max-age or --clear"));
  }
  return run(session, options,
             {.of_what_is_there = false,
              .describe = [&](const Look& look) -> Expected<std::optional<std::string>> {
                return describe_retention(look, retention_of(options, look));
              },
              .make =
                  [&](EventStore& store, const Look& look, ExpectedVersion expected) {
                    return store.set_retention(options.stream, retention_of(options, look),
                                               expected);
                  }});
}

Outcome delete_stream(Session& session, const DeletionOptions& options) {
  return run(session, options,
             {.describe = [&](const Look& look) -> Expected<std::optional<std::string>> {
                const auto gone = all_events(look);
                if (!gone) return std::nullopt;
                return fmt::format("this deletes stream \"{}\": {}", options.stream, *gone);
              },
              .make =
                  [&](EventStore& store, const Look&, ExpectedVersion expected) {
                    return store.delete_stream(options.stream, expected);
                  }});
}

Outcome tombstone_stream(Session& session, const DeletionOptions& options) {
  return run(session, options,
             {.describe = [&](const Look& look) -> Expected<std::optional<std::string>> {
                return fmt::format(
                    "this deletes stream \"{}\" for ever: {}; nothing can ever be appended to "
                    "it again",
                    options.stream, all_events(look).value_or("no event"));
              },
              .make =
                  [&](EventStore& store, const Look&, ExpectedVersion expected) {
                    return store.tombstone_stream(options.stream, expected);
                  }});
}

}  // namespace

ordered_json bounds_json(const StreamMetadata& metadata) {
  const auto number = [](const auto& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
  };
  const auto& retention = metadata.retention;
  std::optional<std::int64_t> seconds;
  if (retention.max_age) seconds = retention.max_age->count();
  return {{"truncate_before", metadata.truncate_before.value},
          {"max_count", number(retention.max_count)},
          {"max_age_seconds", number(seconds)}};
}

void add_deletion_commands(CLI::App& stream, Session& session) {
  add_command(stream, session, "truncate", "Delete the events of a stream before a version",
              declare_truncate, truncate_stream);
  add_command(stream, session, "retain", "Keep only the last events of a stream, or the young ones",
              declare_retain, retain_stream);
  add_command(stream, session, "delete",
              "Delete a stream's events; new ones take the next versions", declare_delete,
              delete_stream);
  add_command(stream, session, "tombstone",
              "Delete a stream for ever: nothing can be appended to it again", declare_tombstone,
              tombstone_stream);
}

}  // namespace eventstore::cli
