#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/engines.hpp"
#include "cli/session.hpp"
#include "cli/store_url.hpp"
#include "eventstore/postgres.hpp"
#include "eventstore/text.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kAhead = 3;
constexpr std::uint64_t kAheadMax = 120;

Expected<std::unique_ptr<PostgresMaintenance>> open_maintenance(const Session& session,
                                                                std::string_view command) {
  if (!is_server_url(session.store_url)) {
    return std::unexpected(usage_failure(fmt::format(
        "maint {} is for stores in PostgreSQL; {} is none", command, session.store_url)));
  }
  auto maintenance = PostgresMaintenance::open(session.store_url);
  if (maintenance) return *std::move(maintenance);
  return std::unexpected(open_failure(session.store_url, maintenance.error(), Access::Write));
}

Failure failure_of(const Session& session, const Error& error) {
  if (error.code != ErrorCode::NotFound) return error;
  Failure failure(error);
  failure.message += "; `event-store maint migrate` makes one";
  failure.details["store"] = without_passwords(session.store_url);
  return failure;
}

ordered_json time_or_null(const std::optional<Timestamp>& time) {
  return time ? ordered_json(format_timestamp(*time)) : ordered_json(nullptr);
}

// A list, in the form that lists have.
void print_list(Session& session, const std::vector<Column>& columns,
                const std::vector<ordered_json>& objects, OutputFormat format) {
  ObjectList list(session.output, format, columns);
  for (const auto& object : objects) list.add(object);
  list.finish();
}

// Migrate.

struct MigrateArguments {};

void declare_migrate(CLI::App& /*command*/, MigrateArguments& /*arguments*/) {}

Outcome migrate(Session& session, const MigrateArguments& /*arguments*/) {
  const auto maintenance = open_maintenance(session, "migrate");
  if (!maintenance) return std::unexpected(maintenance.error());
  const auto done = (*maintenance)->migrate();
  if (!done) return std::unexpected(failure_of(session, done.error()));
  session.done = {{"from", done->from}, {"to", done->to}};
  print_object(session.output, session.object_format(), session.done);
  return ExitCode::Done;
}

// Partition.

struct PartitionArguments {
  bool list = false;
  std::optional<std::string> detach;
  std::optional<std::string> attach;
  std::optional<std::uint64_t> ahead;
};

void declare_partition(CLI::App& command, PartitionArguments& arguments) {
  auto* ahead = command
                    .add_option("--ahead", arguments.ahead,
                                "Make the tables of this month and of N more (default: 3)")
                    ->check(whole_number(kAheadMax))
                    ->type_name("N");
  auto* list = command.add_flag("--list", arguments.list, "List the months and their tables");
  auto* detach =
      command
          .add_option("--detach", arguments.detach, "Take a month, as in 2026-11, out of the store")
          ->type_name("MONTH");
  auto* attach =
      command.add_option("--attach", arguments.attach, "Put a detached month back into the store")
          ->type_name("MONTH");
  for (auto* one : {ahead, list, detach, attach}) {
    for (auto* other : {ahead, list, detach, attach}) {
      if (one != other) one->excludes(other);
    }
  }
}

std::string_view name_of(PostgresPartition::State state) {
  switch (state) {
    case PostgresPartition::State::Empty:
      return "empty";
    case PostgresPartition::State::Stored:
      return "stored";
    case PostgresPartition::State::InDefault:
      return "in_default";
    case PostgresPartition::State::Detached:
      return "detached";
  }
  return "empty";
}

std::vector<Column> partition_columns() {
  return {{.name = "month"},
          {.name = "state"},
          {.name = "first_position", .number = true},
          {.name = "last_position", .number = true},
          {.name = "events", .number = true},
          {.name = "bytes", .number = true}};
}

std::vector<ordered_json> to_json(const std::vector<PostgresPartition>& partitions) {
  std::vector<ordered_json> objects;
  objects.reserve(partitions.size());
  for (const auto& one : partitions) {
    objects.push_back({{"month", one.month},
                       {"state", name_of(one.state)},
                       {"first_position", one.first_position.value},
                       {"last_position", one.last_position.value},
                       {"events", one.events},
                       {"bytes", one.bytes}});
  }
  return objects;
}

Outcome partition(Session& session, const PartitionArguments& arguments) {
  const auto maintenance = open_maintenance(session, "partition");
  if (!maintenance) return std::unexpected(maintenance.error());
  if (arguments.list) {
    const auto partitions = (*maintenance)->list_partitions();
    if (!partitions) return std::unexpected(failure_of(session, partitions.error()));
    print_list(session, partition_columns(), to_json(*partitions), session.list_format());
    return ExitCode::Done;
  }
  if (arguments.detach || arguments.attach) {
    const bool detaches = arguments.detach.has_value();
    const auto& month = detaches ? *arguments.detach : *arguments.attach;
    const auto done = detaches ? (*maintenance)->detach_partition(month)
                               : (*maintenance)->attach_partition(month);
    if (!done) return std::unexpected(failure_of(session, done.error()));
    session.done = {{"month", month}, {"state", detaches ? "detached" : "stored"}};
  } else {
    const auto made =
        (*maintenance)
            ->make_partitions(static_cast<std::uint32_t>(arguments.ahead.value_or(kAhead)));
    if (!made) return std::unexpected(failure_of(session, made.error()));
    session.done = {{"made", *made}};
  }
  print_object(session.output, session.object_format(), session.done);
  return ExitCode::Done;
}

// Vacuum.

struct VacuumArguments {
  bool all = false;
};

void declare_vacuum(CLI::App& command, VacuumArguments& arguments) {
  command.add_flag("--all", arguments.all, "Every table, not only those that need it");
}

Outcome vacuum(Session& session, const VacuumArguments& arguments) {
  const auto maintenance = open_maintenance(session, "vacuum");
  if (!maintenance) return std::unexpected(maintenance.error());
  const auto report = (*maintenance)->vacuum(arguments.all);
  if (!report) return std::unexpected(failure_of(session, report.error()));
  std::vector<ordered_json> objects;
  objects.reserve(report->size());
  for (const auto& one : *report) {
    objects.push_back({{"table", one.table},
                       {"dead_rows_before", one.dead_rows_before},
                       {"dead_rows_after", one.dead_rows_after},
                       {"bytes_before", one.bytes_before},
                       {"bytes_after", one.bytes_after},
                       {"seconds", std::chrono::duration<double>(one.duration).count()}});
  }
  print_list(session,
             {{.name = "table"},
              {.name = "dead_rows_before", .number = true},
              {.name = "dead_rows_after", .number = true},
              {.name = "bytes_before", .number = true},
              {.name = "bytes_after", .number = true},
              {.name = "seconds", .number = true}},
             objects, session.list_format());
  return ExitCode::Done;
}

// Index.

struct IndexArguments {
  bool json = false;
  std::vector<std::string> types;
};

void declare_index(CLI::App& command, IndexArguments& arguments) {
  command.add_flag("--json", arguments.json, "Index the JSON payloads")->required();
  add_repeatable(command, "--type", arguments.types, "Of events of this type only; may be repeated")
      ->type_name("TYPE");
}

Outcome add_index(Session& session, const IndexArguments& arguments) {
  const auto maintenance = open_maintenance(session, "index");
  if (!maintenance) return std::unexpected(maintenance.error());
  const auto names = (*maintenance)->add_json_index(arguments.types);
  if (!names) return std::unexpected(failure_of(session, names.error()));
  session.done = {{"indexes", *names}};
  print_object(session.output, session.object_format(), session.done);
  return ExitCode::Done;
}

// What stats has more of.

std::vector<ordered_json> to_json(const std::vector<PostgresTable>& tables) {
  std::vector<ordered_json> objects;
  objects.reserve(tables.size());
  for (const auto& one : tables) {
    objects.push_back({{"table", one.table},
                       {"rows", one.rows},
                       {"dead_rows", one.dead_rows},
                       {"bytes", one.bytes},
                       {"index_bytes", one.index_bytes},
                       {"sequential_scans", one.sequential_scans},
                       {"index_scans", one.index_scans},
                       {"vacuumed_at", time_or_null(one.vacuumed_at)},
                       {"analyzed_at", time_or_null(one.analyzed_at)}});
  }
  return objects;
}

std::vector<ordered_json> to_json(const std::vector<PostgresIndex>& indexes) {
  std::vector<ordered_json> objects;
  objects.reserve(indexes.size());
  for (const auto& one : indexes) {
    objects.push_back({{"index", one.index},
                       {"table", one.table},
                       {"bytes", one.bytes},
                       {"scans", one.scans},
                       {"valid", one.valid}});
  }
  return objects;
}

}  // namespace

void register_engines() {
  register_postgres_engine();
}

void add_postgres_commands(CLI::App& maint, Session& session) {
  add_command(maint, session, "migrate",
              "Bring the tables of a store in PostgreSQL to this version; make them where there "
              "are none",
              declare_migrate, migrate)
      .footer("Example:  event-store maint migrate --store postgresql:///shop");
  add_command(maint, session, "partition",
              "Make, list, detach or attach the months of a store in PostgreSQL", declare_partition,
              partition)
      .footer("Example:  event-store maint partition --list");
  add_command(maint, session, "vacuum",
              "Run VACUUM (ANALYZE) on the tables of a store in PostgreSQL that need it",
              declare_vacuum, vacuum)
      .footer("Example:  event-store maint vacuum");
  add_command(maint, session, "index", "Index the events of a store in PostgreSQL for SQL queries",
              declare_index, add_index)
      .footer("Example:  event-store maint index --json --type OrderPlaced");
}

Expected<void> print_server_stats(Session& session, ordered_json object) {
  const auto maintenance = open_maintenance(session, "stats");
  if (!maintenance) return std::unexpected(maintenance.error());
  const auto partitions = (*maintenance)->list_partitions();
  if (!partitions) return std::unexpected(failure_of(session, partitions.error()));
  const auto stats = (*maintenance)->table_stats();
  if (!stats) return std::unexpected(failure_of(session, stats.error()));
  const auto format = session.object_format();
  if (format != OutputFormat::Table) {
    object["partitions"] = to_json(*partitions);
    object["tables"] = to_json(stats->tables);
    object["indexes"] = to_json(stats->indexes);
    print_object(session.output, format, object);
    return {};
  }
  print_object(session.output, format, object);
  session.output.write("\n");
  print_list(session, partition_columns(), to_json(*partitions), format);
  session.output.write("\n");
  print_list(session,
             {{.name = "table"},
              {.name = "rows", .number = true},
              {.name = "dead_rows", .number = true},
              {.name = "bytes", .number = true},
              {.name = "index_bytes", .number = true},
              {.name = "vacuumed_at"},
              {.name = "analyzed_at"}},
             to_json(stats->tables), format);
  session.output.write("\n");
  print_list(session,
             {{.name = "index"},
              {.name = "bytes", .number = true},
              {.name = "scans", .number = true},
              {.name = "valid"}},
             to_json(stats->indexes), format);
  return {};
}

}  // namespace eventstore::cli
