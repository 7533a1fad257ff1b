#include <utility>

#include <fmt/format.h>

#include "cli/engines.hpp"
#include "cli/findings.hpp"
#include "cli/session.hpp"

namespace eventstore::cli {
namespace {

struct NoOptions {};

void declare_nothing(CLI::App& /*command*/, NoOptions& /*options*/) {}

std::string_view name_of(Durability durability) {
  switch (durability) {
    case Durability::PowerLoss:
      return "power_loss";
    case Durability::ProcessCrash:
      return "process_crash";
    case Durability::None:
      return "none";
  }
  return "none";
}

Outcome show_stats(Session& session, const NoOptions& /*options*/) {
  auto store = open_store(session, Access::Read);
  if (!store) return std::unexpected(std::move(store).error());
  const auto stats = (*store)->stats();
  if (!stats) return std::unexpected(Failure(stats.error()));

  const auto capabilities = (*store)->capabilities();
  const auto scrub = (*store)->health().scrub;
  const auto scrubbed_at = scrub.completed_at
                               ? nlohmann::ordered_json(format_timestamp(*scrub.completed_at))
                               : nlohmann::ordered_json(nullptr);
  nlohmann::ordered_json object{{"events", stats->events},
                                {"streams", stats->streams},
                                {"head", stats->head.value},
                                {"bytes", stats->bytes}};
  if (has_segments(session)) object["segments"] = stats->segments;
  object["engine"] = capabilities.engine;
  object["durability"] = name_of(capabilities.durability);
  if (has_segments(session)) {
    object["scrubbed_at"] = scrubbed_at;
    object["scrub_findings"] = scrub.finding_count;
  }
  if (!has_segments(session)) {
    if (auto printed = print_server_stats(session, std::move(object)); !printed) {
      return std::unexpected(std::move(printed).error());
    }
    return ExitCode::Done;
  }
  print_object(session.output, session.object_format(), object);
  return ExitCode::Done;
}

void print_report(Session& session, const VerifyReport& report) {
  const auto format = session.object_format();
  if (format != OutputFormat::Table) {
    nlohmann::ordered_json object{{"events", report.events}};
    if (has_segments(session)) object["segments"] = report.segments;
    object["bytes"] = report.bytes;
    object["findings"] = to_json(report.findings);
    return print_object(session.output, format, object);
  }
  const auto in_segments =
      has_segments(session) ? " in " + counted(report.segments, "segment") : std::string();
  session.output.write(fmt::format("{}{}, {} bytes checked: {}\n", counted(report.events, "event"),
                                   in_segments, with_thousands(report.bytes),
                                   report.findings.empty() ? "all good" : "damage found"));
  print_findings(session, report.findings);
}

Outcome verify(Session& session, const NoOptions& /*options*/) {
  auto store = open_store(session, Access::Verify);
  if (!store) return std::unexpected(std::move(store).error());
  const auto report = (*store)->verify();
  if (!report) return std::unexpected(Failure(report.error()));
  print_report(session, *report);
  return report->findings.empty() ? ExitCode::Done : ExitCode::Failed;
}

}  // namespace

void add_maint_commands(CLI::App& app, Session& session) {
  auto* maint =
      app.add_subcommand("maint", "Look after a store: counts, verification, repair, scavenging");
  maint->require_subcommand(1);
  add_command(*maint, session, "stats", "Show how much the store holds", declare_nothing,
              show_stats)
      .footer("Example:  event-store maint stats --output json");
  add_command(*maint, session, "verify",
              "Read every stored byte and check it; exit code 1 if anything is damaged",
              declare_nothing, verify)
      .footer("Example:  event-store maint verify && echo good");
  add_repair_command(*maint, session);
  add_scavenge_command(*maint, session);
  add_postgres_commands(*maint, session);
#ifdef EVENTSTORE_WITH_POSTGRES
  add_selftest_command(*maint, session);
#endif
}

}  // namespace eventstore::cli
