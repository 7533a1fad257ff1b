#include <string>

#include <fmt/format.h>

#include "cli/findings.hpp"
#include "cli/session.hpp"
#include "cli/store_url.hpp"
#include "cli/terminal_text.hpp"
#include "eventstore/maintenance.hpp"
#include "eventstore/open.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

struct RepairArguments {
  std::string from;
  bool dry_run = false;
};

void declare_repair(CLI::App& command, RepairArguments& arguments) {
  command
      .add_option("--from", arguments.from,
                  "Another copy of the same store: a backup, a replica, a copied folder")
      ->required()
      ->type_name("STORE");
  command.add_flag("--dry-run", arguments.dry_run, "Only tell what would be done");
}

const char* name_of(RepairedFile::Action action) {
  return action == RepairedFile::Action::Removed ? "removed" : "replaced";
}

ordered_json object_of(const RepairedFile& file) {
  return {{"action", name_of(file.action)},
          {"file", file.file},
          {"first_position", file.first_position.value},
          {"last_position", file.last_position.value},
          {"bytes_taken", file.bytes_taken},
          {"problem", file.problem}};
}

std::string summary(const RepairReport& report, bool dry_run) {
  if (report.repaired.empty() && report.remaining.empty()) return "nothing is damaged\n";
  const auto files = counted(report.repaired.size(), "file");
  auto text = dry_run ? fmt::format("{} would be mended", files) : fmt::format("{} mended", files);
  return text + (report.remaining.empty() ? "\n" : "; not all of the damage can be\n");
}

// What was done to a file, and in a line of its own why.
std::string paragraph(const RepairedFile& file) {
  auto about = std::string();
  if (file.action == RepairedFile::Action::Replaced) {
    about = fmt::format(" ({} bytes from the copy)", with_thousands(file.bytes_taken));
  }
  return fmt::format("\n{} {}{}\n  {}\n", name_of(file.action), escape_for_terminal(file.file),
                     about, escape_for_terminal(file.problem));
}

void print_report(Session& session, const RepairReport& report, bool dry_run) {
  const auto format = session.object_format();
  if (format != OutputFormat::Table) {
    auto repaired = ordered_json::array();
    for (const auto& file : report.repaired) repaired.push_back(object_of(file));
    return print_object(
        session.output, format,
        {{"dry_run", dry_run}, {"repaired", repaired}, {"remaining", to_json(report.remaining)}});
  }
  session.output.write(summary(report, dry_run));
  for (const auto& file : report.repaired) session.output.write(paragraph(file));
  print_findings(session, report.remaining);
}

// The copy is looked at first: what it cannot be opened for is why the repair failed.
bool is_about_copy(const std::string& from, const Error& error) {
  if (error.code != ErrorCode::NotFound && error.code != ErrorCode::NotAStore) return false;
  const auto copy = open(from, {.read_only = true});
  return !copy && copy.error().code == error.code;
}

Failure failure_of(const std::string& url, const RepairArguments& arguments, const Error& error) {
  if (error.code == ErrorCode::StoreLocked) return open_failure(url, error, Access::Write);
  Failure failure(error);
  failure.details["store"] = is_about_copy(arguments.from, error) ? arguments.from : url;
  return failure;
}

Outcome run_repair(Session& session, const RepairArguments& arguments) {
  for (const auto& url : {session.store_url, arguments.from}) {
    if (!is_server_url(url)) continue;
    return std::unexpected(usage_failure(
        "maint repair mends the files of a store, and " + without_passwords(url) +
        " has none: a store in PostgreSQL is brought back from a backup of its database"));
  }
  const auto report = repair(session.store_url, arguments.from, {.dry_run = arguments.dry_run});
  if (!report) return std::unexpected(failure_of(session.store_url, arguments, report.error()));
  print_report(session, *report, arguments.dry_run);
  return report->remaining.empty() ? ExitCode::Done : ExitCode::Failed;
}

}  // namespace

void add_repair_command(CLI::App& maint, Session& session) {
  add_command(maint, session, "repair",
              "Mend damaged files with those of another copy of the same store; exit code 1 if "
              "damage is left",
              declare_repair, run_repair)
      .footer("Example:  event-store maint repair --from /backup/store --dry-run");
}

}  // namespace eventstore::cli
