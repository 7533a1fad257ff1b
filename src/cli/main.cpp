#include <algorithm>
#include <csignal>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "cli/engines.hpp"
#include "cli/errors.hpp"
#include "cli/session.hpp"
#include "cli/state_commands.hpp"
#include "cli/usage.hpp"

namespace eventstore::cli {
namespace {

void declare(CLI::App& app, Session& session) {
  app.name("event-store");
  app.formatter(help_formatter());
  app.set_version_flag("--version", "event-store " EVENTSTORE_VERSION,
                       "Print the version and exit");
  app.add_option("--store", session.store_url,
                 "The store: file:PATH, a bare path, memory:, or postgresql://...?schema=NAME")
      ->envname("EVENT_STORE_URL")
      ->type_name("URL")
      ->capture_default_str();
  static const std::map<std::string, OutputFormat> kFormats = {{"table", OutputFormat::Table},
                                                               {"json", OutputFormat::Json},
                                                               {"ndjson", OutputFormat::Ndjson}};
  app.add_option(
         "--output", session.format,
         "How to print: table, json or ndjson (default: table on a terminal; in a pipe ndjson "
         "for lists and json for single objects)")
      ->transform(CLI::Transformer(kFormats).description(""))
      ->transform(CLI::IsMember(kFormats).description(""))  // asked first
      ->type_name("FORM");
  app.require_subcommand(1);
  app.fallthrough();
  add_stream_commands(app, session);
  add_event_commands(app, session);
  add_projection_commands(app, session);
  add_subscription_commands(app, session);
  add_maint_commands(app, session);
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 conflict.\n"
      "Example:  event-store event import events.ndjson.zst && event-store stream list\n"
      "`event-store COMMAND --help` has the options of a command.");
}

// Whether the arguments ask for JSON, read without the parser, for when it failed.
bool asks_for_json(std::span<char*> arguments) {
  const auto is_json_form = [](std::string_view form) {
    return form == "json" || form == "ndjson";
  };
  std::string_view before;
  for (const std::string_view argument : arguments) {
    if (before == "--output" && is_json_form(argument)) return true;
    if (argument.starts_with("--output=") && is_json_form(argument.substr(9))) return true;
    before = argument;
  }
  return false;
}

int report(const Failure& failure, bool as_json) {
  const auto text = format_failure(failure, as_json);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return static_cast<int>(failure.exit_code);
}

// A command that failed after it had changed the store, such as for a full standard output.
Failure with_what_was_done(Failure failure, const Session& session) {
  if (session.done.is_null()) return failure;
  failure.message += "; the change was made all the same: " + to_text(session.done);
  failure.details["done"] = session.done;
  return failure;
}

// Where standard input, output or error is closed, the next file that is opened would take its
// place, perhaps a segment, and get what is printed. So each gets a file that cannot be used that
// way: reading and writing fail as they would on the closed one.
void fill_closed_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));  // becomes fd
  }
}

int run(int argc, char** argv) {
  fill_closed_descriptors();
  // A closed pipe is seen where it is written to; a file-size limit is an error of that write.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);

  register_engines();
  Session session(STDOUT_FILENO);
  CLI::App app("An append-only event store: streams of events in one global order.");
  declare(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 reports --help and --version this way too.
    if (error.get_exit_code() == 0) return app.exit(error);
    const auto usage = usage_failure(explain_usage(app, error));
    return report(usage, asks_for_json({argv, static_cast<std::size_t>(argc)}));
  }

  const auto outcome = session.command(session);
  const auto printed = session.output.check();
  if (!outcome) return report(with_what_was_done(outcome.error(), session), session.wants_json());
  if (!printed) return report(with_what_was_done(printed.error(), session), session.wants_json());
  return static_cast<int>(*outcome);
}

}  // namespace
}  // namespace eventstore::cli

// NOLINTNEXTLINE(bugprone-exception-escape): a failed allocation throws, and ends the program
int main(int argc, char** argv) {
  return eventstore::cli::run(argc, argv);
}
