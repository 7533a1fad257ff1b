#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "cli/projection_names.hpp"
#include "cli/state_commands.hpp"
#include "cli/state_session.hpp"
#include "cli/terminal_text.hpp"
#include "eventstore/projections.hpp"
#include "eventstore/text.hpp"

// projection inspect and failures: what is stored of a projection.
namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kPageDocuments = 1000;

struct InspectOptions {
  std::string name;
  std::optional<std::string> key = {};
  std::string after = {};
  std::optional<std::uint64_t> limit = {};
};

struct FailuresOptions {
  std::string name = {};
  bool trend = false;
  std::optional<std::uint64_t> limit = {};
};

void declare_inspect(CLI::App& command, InspectOptions& options) {
  declare_projection(command, options.name);
  auto* key = command.add_option("KEY", options.key, "One document (default: a list of all)")
                  ->type_name("");
  command.add_option("--after", options.after, "Only documents whose key comes after this one")
      ->type_name("KEY")
      ->excludes(key);
  add_number(command, "--limit", options.limit, "At most so many documents (default: all)")
      ->excludes(key);
  command.footer("Example:  event-store projection inspect event-type-count --limit 20");
}

void declare_failures(CLI::App& command, FailuresOptions& options) {
  command.add_option("NAME", options.name, "Only those of this projection")->type_name("");
  command.add_flag("--trend", options.trend, "How many there were in each hour");
  add_number(command, "--limit", options.limit, "At most so many, the newest (default: all)");
  command.footer("Example:  event-store projection failures --trend");
}

// A document as JSON: as it is stored, where it is that; else as a text.
std::string as_json(const std::string& document) {
  return is_json(document) ? document : to_text(document);
}

void add_document(ObjectList& list, OutputFormat format, const ProjectionDocument& document) {
  const auto text = format == OutputFormat::Table ? document.text : as_json(document.text);
  list.add({{"key", document.key}}, {.name = "document", .json = text});
}

void print_document(Session& session, const std::string& document) {
  const auto format = session.object_format();
  if (format == OutputFormat::Table) {
    const auto value = ordered_json::parse(document, nullptr, /*allow_exceptions=*/false);
    if (value.is_object()) return print_object(session.output, format, value);
    return session.output.write(escape_for_terminal(document) + '\n');
  }
  const auto json = as_json(document);
  session.output.write(session.output.is_terminal() ? escape_json_for_terminal(json) : json);
  session.output.write("\n");
}

Outcome show_document(Session& session, StateSession& opened, const InspectOptions& options) {
  Projections projections(*opened.subscriptions, *opened.state);
  const auto document = projections.document(options.name, *options.key);
  if (!document) {
    return std::unexpected(projection_failure(session, opened, options.name, document.error()));
  }
  if (!*document) {
    Failure failure("not_found", fmt::format("projection \"{}\" has no document \"{}\"; "
                                             "`event-store projection inspect {}` lists them",
                                             options.name, *options.key, options.name));
    failure.details = {{"projection", options.name}, {"key", *options.key}};
    return std::unexpected(std::move(failure));
  }
  print_document(session, **document);
  return ExitCode::Done;
}

Outcome list_documents(Session& session, StateSession& opened, const InspectOptions& options) {
  Projections projections(*opened.subscriptions, *opened.state);
  std::optional<ObjectList> list;
  const auto format = session.list_format();
  const std::vector<Column> columns{{.name = "key"}, {.name = "document"}};
  auto left = options.limit.value_or(UINT64_MAX);
  auto after = options.after;
  do {
    const auto most = std::min(kPageDocuments, left);
    const auto page = projections.documents(options.name, after, most);
    if (!page)
      return std::unexpected(projection_failure(session, opened, options.name, page.error()));
    if (!list) list.emplace(session.output, format, columns);
    for (const auto& document : *page) add_document(*list, format, document);
    left = page->size() < kPageDocuments ? 0 : left - page->size();
    if (!page->empty()) after = page->back().key;
  } while (left > 0 && session.output.usable());
  list->finish();
  return ExitCode::Done;
}

Outcome inspect(Session& session, const InspectOptions& options) {
  auto opened = open_state_session(session, StateAccess::Read);
  if (!opened) return std::unexpected(std::move(opened).error());
  if (opened->state == nullptr)
    return std::unexpected(no_such_projection(session, *opened, options.name));
  return options.key ? show_document(session, *opened, options)
                     : list_documents(session, *opened, options);
}

Expected<void> add_failures(ObjectList& list, Projections& projections,
                            const FailuresOptions& options) {
  const auto failures = projections.failures(options.name, options.limit.value_or(UINT64_MAX));
  if (!failures) return std::unexpected(Failure(failures.error()));
  for (const auto& failure : *failures) {
    list.add({{"position", failure.position.value},
              {"projection", failure.projection},
              {"stream", failure.stream},
              {"type", failure.type},
              {"attempts", failure.attempts},
              {"state", to_string(failure.state)},
              {"first_at", format_timestamp(failure.first_at)},
              {"last_at", format_timestamp(failure.last_at)},
              {"error", failure.error}});
  }
  return {};
}

Expected<void> add_trend(ObjectList& list, Projections& projections,
                         const FailuresOptions& options) {
  const auto hours = projections.failure_hours(options.name, options.limit.value_or(UINT64_MAX));
  if (!hours) return std::unexpected(Failure(hours.error()));
  for (const auto& hour : *hours) {
    list.add({{"hour", format_timestamp(hour.hour)},
              {"failed", hour.failed},
              {"retries", hour.retries}});
  }
  return {};
}

std::vector<Column> failure_columns() {
  return {{.name = "position", .number = true},
          {.name = "projection"},
          {.name = "stream"},
          {.name = "type"},
          {.name = "attempts", .number = true},
          {.name = "state"},
          {.name = "last_at"},
          {.name = "error"}};
}

std::vector<Column> trend_columns() {
  return {
      {.name = "hour"}, {.name = "failed", .number = true}, {.name = "retries", .number = true}};
}

// Whether it is of a projection that has not run.
Expected<bool> is_of_none(StateSession& opened, const std::string& name) {
  if (name.empty()) return false;
  if (opened.state == nullptr) return true;
  const auto status = Projections(*opened.subscriptions, *opened.state).status(name);
  if (!status) return std::unexpected(Failure(status.error()));
  return !status->has_value();
}

Outcome list_failures(Session& session, const FailuresOptions& options) {
  auto opened = open_state_session(session, StateAccess::Read);
  if (!opened) return std::unexpected(std::move(opened).error());
  const auto of_none = is_of_none(*opened, options.name);
  if (!of_none) return std::unexpected(of_none.error());
  if (*of_none) return std::unexpected(no_such_projection(session, *opened, options.name));
  ObjectList list(session.output, session.list_format(),
                  options.trend ? trend_columns() : failure_columns());
  if (opened->state != nullptr) {
    Projections projections(*opened->subscriptions, *opened->state);
    const auto added = options.trend ? add_trend(list, projections, options)
                                     : add_failures(list, projections, options);
    if (!added) return std::unexpected(added.error());
  }
  list.finish();
  return ExitCode::Done;
}

}  // namespace

void add_projection_inspect_commands(CLI::App& projection, Session& session) {
  add_command(projection, session, "inspect",
              "Show what a projection has computed: one document, or a list", declare_inspect,
              inspect);
  add_command(projection, session, "failures",
              "List events that projections could not apply, or count them by hour",
              declare_failures, list_failures);
}

}  // namespace eventstore::cli
