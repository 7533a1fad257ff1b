#include <string>

#include <fmt/format.h>

#include "cli/interrupt.hpp"
#include "cli/option_value.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"

namespace eventstore::cli {
namespace {

constexpr std::chrono::seconds kLeast{0};  // of the id retention: no id is remembered

struct ScavengeArguments {
  bool dry_run = false;
  std::string id_retention = "30d";
};

void declare_scavenge(CLI::App& command, ScavengeArguments& arguments) {
  command.add_flag("--dry-run", arguments.dry_run, "Only tell what would be freed");
  command
      .add_option("--id-retention", arguments.id_retention,
                  "Remember the ids of deleted events so long after they were recorded")
      ->type_name("TIME")
      ->capture_default_str()
      ->check(duration(kLeast));
}

std::string summary(const Session& session, const ScavengeReport& report, bool dry_run) {
  const auto freed = with_thousands(report.bytes_freed) + " of " + with_thousands(report.bytes);
  auto text = dry_run ? fmt::format("{} bytes would be freed", freed)
                      : fmt::format("{} bytes freed", freed);
  if (has_segments(session)) text += " in " + counted(report.segments_rewritten, "segment");
  text +=
      fmt::format(": {} removed, {} reduced to the id\n", counted(report.events_removed, "event"),
                  counted(report.events_reduced, "event"));
  if (report.bytes_active > 0) {
    text += fmt::format("the newest {} bytes are not looked at until their segment is full\n",
                        with_thousands(report.bytes_active));
  }
  return text;
}

void print_report(Session& session, const ScavengeReport& report, bool dry_run) {
  const auto format = session.object_format();
  if (format == OutputFormat::Table) return session.output.write(summary(session, report, dry_run));
  nlohmann::ordered_json object{{"dry_run", dry_run}};
  if (has_segments(session)) {
    object["segments"] = report.segments;
    object["segments_rewritten"] = report.segments_rewritten;
  }
  object["events_removed"] = report.events_removed;
  object["events_reduced"] = report.events_reduced;
  object["bytes"] = report.bytes;
  object["bytes_freed"] = report.bytes_freed;
  if (has_segments(session)) object["bytes_active"] = report.bytes_active;
  print_object(session.output, format, object);
}

Outcome scavenge(Session& session, const ScavengeArguments& arguments) {
  const Interrupt interrupt;
  auto store = open_store(session, arguments.dry_run ? Access::Read : Access::Write);
  if (!store) return std::unexpected(std::move(store).error());
  // It is told of each segment before that is looked at, which takes its time.
  Progress progress(arguments.dry_run ? "looked at" : "scavenged", std::chrono::milliseconds(0));
  const auto report = (*store)->scavenge(
      {.dry_run = arguments.dry_run,
       .id_retention = *parse_duration(arguments.id_retention, kLeast),
       .cancellation = interrupt.token(),
       .on_progress = [&](const ScavengeProgress& done) {
         progress.show(done.position.value, static_cast<double>(done.position.value) /
                                                static_cast<double>(done.head.value));
       }});
  progress.clear();
  if (!report) return std::unexpected(Failure(report.error()));
  print_report(session, *report, arguments.dry_run);
  return ExitCode::Done;
}

}  // namespace

void add_scavenge_command(CLI::App& maint, Session& session) {
  add_command(maint, session, "scavenge", "Free the space of deleted events", declare_scavenge,
              scavenge)
      .footer("Example:  event-store maint scavenge --dry-run");
}

}  // namespace eventstore::cli
