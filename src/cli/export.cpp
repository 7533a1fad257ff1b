#include <fmt/format.h>

#include "cli/export_file.hpp"
#include "cli/interrupt.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "cli/terminal_text.hpp"
#include "eventstore/text.hpp"

namespace eventstore::cli {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

struct ExportOptions {
  std::string path = "-";
  std::string format = "ndjson";
  bool include_system = false;
};

void declare_export(CLI::App& command, ExportOptions& options) {
  command
      .add_option("FILE", options.path, "Where to; - is standard output (default); .zst compresses")
      ->type_name("");
  command.add_option("--format", options.format, "One event a line, in this form")
      ->check(CLI::IsMember({"ndjson", "cloudevents"}).description(""))
      ->type_name("ndjson|cloudevents")
      ->capture_default_str();
  command.add_flag("--system", options.include_system, "Also the store's own events ('$')");
  command.footer(
      "What is exported can be imported. A file is there whole or not at all.\n"
      "Example:  event-store event export backup.ndjson.zst");
}

using Sink = std::function<Expected<void>(std::string_view)>;

// Writes all events, as they are now, in chunks. Returns how many.
Expected<std::uint64_t> export_events(Session& session, const ExportOptions& options,
                                      const Interrupt& interrupt, const Sink& sink) {
  auto store = open_store(session, Access::Read);
  if (!store) return std::unexpected(std::move(store).error());
  const auto write_event = options.format == "ndjson" ? write_ndjson_event : write_cloud_event;

  std::uint64_t events = 0;
  std::string chunk;
  Expected<void> written;
  Progress progress("exported");
  const auto read = for_each_event(session, **store, {.include_system = options.include_system},
                                   [&](const EventView& event) {
                                     write_event(chunk, event);
                                     chunk += '\n';
                                     ++events;
                                     if (chunk.size() < kChunkBytes) return true;
                                     progress.show(events);
                                     written = sink(chunk);
                                     chunk.clear();
                                     return written.has_value() && !interrupt.requested();
                                   });
  progress.clear();
  if (!read) return std::unexpected(read.error());
  if (interrupt.requested()) {
    return std::unexpected(Failure("cancelled", "interrupted before the last event"));
  }
  if (written) written = sink(chunk);
  if (!written) return std::unexpected(std::move(written).error());
  return events;
}

Outcome run_export(Session& session, const ExportOptions& options) {
  const Interrupt interrupt;
  if (options.path == "-") {
    if (session.format == OutputFormat::Table) {
      return std::unexpected(
          usage_failure("an export is no table; `event-store event replay` prints one"));
    }
    const bool on_terminal = session.output.is_terminal();
    const auto events =
        export_events(session, options, interrupt, [&](std::string_view chunk) -> Expected<void> {
          while (on_terminal && !chunk.empty()) {
            const auto line = chunk.substr(0, chunk.find('\n'));
            session.output.write(escape_json_for_terminal(line) + '\n');
            chunk.remove_prefix(line.size() + 1);
          }
          session.output.write(chunk);
          return {};
        });
    if (!events) return std::unexpected(events.error());
    return ExitCode::Done;
  }

  auto file = ExportFile::create(options.path);
  if (!file) return std::unexpected(std::move(file).error());
  const auto events = export_events(session, options, interrupt,
                                    [&](std::string_view chunk) { return file->write(chunk); });
  if (!events) return std::unexpected(events.error());
  const auto committed = file->commit();
  if (!committed) return std::unexpected(committed.error());

  if (session.object_format() == OutputFormat::Table) {
    session.output.write(fmt::format("{} exported to {} ({} bytes)\n", counted(*events, "event"),
                                     escape_for_terminal(options.path),
                                     with_thousands(file->bytes())));
  } else {
    print_object(session.output, session.object_format(),
                 {{"file", options.path}, {"events", *events}, {"bytes", file->bytes()}});
  }
  return ExitCode::Done;
}

}  // namespace

void add_export_command(CLI::App& event, Session& session) {
  add_command(event, session, "export", "Write all events to a file or standard output, one a line",
              declare_export, run_export);
}

}  // namespace eventstore::cli
