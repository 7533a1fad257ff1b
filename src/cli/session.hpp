#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/errors.hpp"
#include "cli/output.hpp"
#include "eventstore/event_store.hpp"

namespace eventstore::cli {

// What a command does to the store it opens. Verify reads, and tells of damage itself.
enum class Access : std::uint8_t { Read, Verify, Write, WriteOrCreate };

// What all commands share: the global options, where they print, and the command that was chosen.
struct Session {
  std::string store_url = "file:./event-store-data";
  std::optional<OutputFormat> format = {};  // as given by --output
  Output output;
  std::function<Outcome(Session&)> command = {};
  std::set<std::string> notices_shown = {};  // each is shown once
  // What was changed in the store, as it is to be printed; null: nothing. Where that fails after
  // all, it tells whoever would do it again.
  nlohmann::ordered_json done = {};

  explicit Session(int fd) : output(fd) {}

  // The form of what is printed: as asked for; else a table on a terminal, and in a pipe `piped`.
  OutputFormat format_or(OutputFormat piped) const {
    return format.value_or(output.is_terminal() ? OutputFormat::Table : piped);
  }
  OutputFormat list_format() const { return format_or(OutputFormat::Ndjson); }
  // Whether errors are to be objects too.
  bool wants_json() const { return format && *format != OutputFormat::Table; }
  OutputFormat object_format() const { return format_or(OutputFormat::Json); }
};

// Writes a notice, as format_notice() makes it, to standard error.
void print_notice(const Session& session, std::string_view level, std::string_view message);

// Whether the session's store lies in segments, as one in files or memory does.
bool has_segments(const Session& session);

// Opens the session's store, which must not outlive the session. A failure says what can be done
// about it.
Expected<std::unique_ptr<EventStore>> open_store(Session& session, Access access);

// The failure of a store at `store_url` that cannot be opened, with what can be done about it.
Failure open_failure(const std::string& store_url, const Error& error, Access access);

// Calls `visit` with each event of a read until the end, until it returns false, or until nobody
// reads our output any more. Returns the position that the read saw the store at.
Expected<GlobalPosition> for_each_event(Session& session, EventStore& store, ReadRequest request,
                                        const std::function<bool(const EventView&)>& visit);

// The failure of a command that is about a stream that is not there.
Failure no_such_stream(const Session& session, std::string_view stream);

// Adds the subcommand `name`, which runs `run(session, options)` with its own Options, filled from
// the arguments. `declare(command, options)` declares these.
template <typename Options>
CLI::App& add_command(CLI::App& parent, Session& session, const std::string& name,
                      const std::string& purpose, void (*declare)(CLI::App&, Options&),
                      Outcome (*run)(Session&, const Options&)) {
  auto* command = parent.add_subcommand(name, purpose);
  const auto options = std::make_shared<Options>();
  declare(*command, *options);
  command->callback([&session, options, run] {
    session.command = [options, run](Session& chosen) { return run(chosen, *options); };
  });
  return *command;
}

// A check of an option's value: decimal digits, at most `most`.
CLI::Validator whole_number(std::uint64_t most = UINT64_MAX);

// The same of a time, as parse_duration() takes it.
CLI::Validator duration(std::chrono::seconds least);

// A check of CLI11: the reason why `is_good` does not hold, or nothing.
template <typename Predicate>
CLI::Validator must_be(std::string what, Predicate is_good) {
  return {[what = std::move(what), is_good](const std::string& text) {
            return is_good(text) ? std::string() : "not " + what + ": " + text;
          },
          ""};
}

// Options whose values are checked while the command line is read; a bad one is wrong usage.
CLI::Option* add_number(CLI::App& command, const std::string& name,
                        std::optional<std::uint64_t>& value, const std::string& purpose);
// A version or a position, which count from 1.
CLI::Option* add_place(CLI::App& command, const std::string& name,
                       std::optional<std::uint64_t>& value, const std::string& purpose);
// Each use of the option adds a value.
CLI::Option* add_repeatable(CLI::App& command, const std::string& name,
                            std::vector<std::string>& values, const std::string& purpose);

// One for each noun, and for the larger verbs.
void add_stream_commands(CLI::App& app, Session& session);
void add_event_commands(CLI::App& app, Session& session);
void add_maint_commands(CLI::App& app, Session& session);
void add_import_command(CLI::App& event, Session& session);
void add_export_command(CLI::App& event, Session& session);
void add_replay_command(CLI::App& event, Session& session);
void add_tail_command(CLI::App& event, Session& session);
void add_deletion_commands(CLI::App& stream, Session& session);
void add_repair_command(CLI::App& maint, Session& session);
void add_scavenge_command(CLI::App& maint, Session& session);
void add_selftest_command(CLI::App& maint, Session& session);

// The fields of a stream's bounds.
nlohmann::ordered_json bounds_json(const StreamMetadata& metadata);

}  // namespace eventstore::cli
