#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "cli/interrupt.hpp"
#include "cli/option_value.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "eventstore/postgres_self_test.hpp"

namespace eventstore::cli {
namespace {

constexpr std::chrono::seconds kLeast{1};

struct SelfTestArguments {
  std::optional<std::uint64_t> events = {};
  std::optional<std::uint64_t> writers = {};
  std::optional<std::uint64_t> subscribers = {};
  std::string time = "60s";
};

void declare_selftest(CLI::App& command, SelfTestArguments& arguments) {
  add_number(command, "--events", arguments.events, "Append at most so many events (50000)");
  command
      .add_option("--time", arguments.time, "Append for so long at most; checking takes a bit more")
      ->type_name("TIME")
      ->capture_default_str()
      ->check(duration(kLeast));
  add_number(command, "--writers", arguments.writers, "So many writers, 1 to 64 (16)");
  add_number(command, "--subscribers", arguments.subscribers, "So many subscribers, to 64 (8)");
}

void print_report(Session& session, const PostgresSelfTestReport& report) {
  const auto format = session.object_format();
  if (format != OutputFormat::Table) {
    return print_object(session.output, format,
                        {{"events", report.events},
                         {"milliseconds", report.time.count()},
                         {"counts", report.counts},
                         {"findings", report.findings}});
  }
  session.output.write(
      fmt::format("{} in {:.1f} s: {}\n", counted(report.events, "event"),
                  static_cast<double>(report.time.count()) / 1000,
                  report.findings.empty() ? "all promises held" : "promises were broken"));
  for (const auto& [name, count] : report.counts) {
    session.output.write(fmt::format("{:>12}  {}\n", with_thousands(count), name));
  }
  for (const auto& finding : report.findings) session.output.write(finding + '\n');
}

Outcome selftest(Session& session, const SelfTestArguments& arguments) {
  if (!session.store_url.starts_with("postgres:") &&
      !session.store_url.starts_with("postgresql:")) {
    return std::unexpected(
        usage_failure("a self-test is of a PostgreSQL server: --store postgresql://..."));
  }
  const Interrupt interrupt;
  Progress progress("appended");
  PostgresSelfTestOptions options{.time_max = *parse_duration(arguments.time, kLeast),
                                  .cancellation = interrupt.token()};
  options.events_max = arguments.events.value_or(options.events_max);
  const auto stores = [](std::optional<std::uint64_t> given, unsigned usual) {
    // What is beyond the bounds stays so.
    return given ? static_cast<unsigned>(std::min<std::uint64_t>(*given, 1000)) : usual;
  };
  options.writers = stores(arguments.writers, options.writers);
  options.subscribers = stores(arguments.subscribers, options.subscribers);
  const auto events_max = static_cast<double>(options.events_max);
  options.on_progress = [&](std::uint64_t events) {
    progress.show(events, static_cast<double>(events) / events_max);
  };
  const auto report = run_postgres_self_test(session.store_url, options);
  progress.clear();
  if (!report) return std::unexpected(Failure(report.error()));
  print_report(session, *report);
  return report->findings.empty() ? ExitCode::Done : ExitCode::Failed;
}

}  // namespace

void add_selftest_command(CLI::App& maint, Session& session) {
  add_command(maint, session, "selftest",
              "Show that a PostgreSQL server keeps the order of appends, in a schema made for that",
              declare_selftest, selftest)
      .footer(
          "Appends are made by many stores at once, while sessions are ended and transactions "
          "held\n"
          "open; the schema is dropped at the end, and no store is touched. Exit code 1 if a\n"
          "promise is broken.\n"
          "Example:  event-store --store postgresql://localhost/test maint selftest --time 30s");
}

}  // namespace eventstore::cli
