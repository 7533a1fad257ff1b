#include "cli/option_value.hpp"
#include "cli/session.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

struct AppendOptions {
  std::string stream;
  std::string type;
  std::string data = {};
  std::string metadata = {};
  std::vector<std::string> tags = {};
  std::optional<std::string> id = {};
  std::string expected = "any";
  std::string format = "json";
  std::optional<std::string> time = {};
  std::uint32_t schema_version = 1;
};

std::string check_not_system(const std::string& name) {
  return is_system_name(name) ? "names that start with '$' are the store's own: " + name : "";
}

void declare_append(CLI::App& command, AppendOptions& options) {
  command.add_option("STREAM", options.stream, "The stream to append to; new ones need no making")
      ->required()
      ->check(CLI::Validator(check_not_system, ""))
      ->type_name("");
  command.add_option("TYPE", options.type, "The event's type")
      ->required()
      ->check(CLI::Validator(check_not_system, ""))
      ->type_name("");
  command.add_option("--data", options.data, "The event's data; - reads it from standard input")
      ->type_name("JSON|@FILE|-");
  command.add_option("--metadata", options.metadata, "The event's metadata")
      ->type_name("JSON|@FILE");
  add_repeatable(command, "--tag", options.tags, "A tag of the event; may be given again")
      ->type_name("T");
  command
      .add_option("--id", options.id,
                  "The event's id (default: a new one); the same id again adds nothing")
      ->check(must_be("a UUID", [](const auto& text) { return Uuid::parse(text).has_value(); }))
      ->type_name("UUID");
  command
      .add_option("--expect", options.expected,
                  "What the stream must be: at any version, none yet, existing, or at version N")
      ->check(must_be("any, none, exists or a version",
                      [](const auto& text) { return parse_expected(text).has_value(); }))
      ->type_name("any|none|exists|N")
      ->capture_default_str();
  command.add_option("--format", options.format, "What the data is; JSON is checked")
      ->check(must_be("json or binary",
                      [](const auto& text) { return parse_payload_format(text).has_value(); }))
      ->type_name("json|binary")
      ->capture_default_str();
  command
      .add_option("--time", options.time,
                  "When it happened, as 2010-10-02T07:20:39Z (default: not said)")
      ->check(must_be("a time as in 2010-10-02T07:20:39Z",
                      [](const auto& text) { return parse_timestamp(text).has_value(); }))
      ->type_name("TIME");
  command
      .add_option("--schema-version", options.schema_version, "The version of the data's schema")
      ->check(whole_number(UINT32_MAX))
      ->type_name("N")
      ->capture_default_str();
  command.footer("Example:  event-store event append order-7 OrderPlaced --data '{\"total\":12}'");
}

// The store takes metadata of any kind, but who types it means JSON.
Expected<std::string> load_metadata(const std::string& value) {
  auto metadata = load_value(value, PayloadFormat::Json);
  if (metadata && !metadata->empty() && !is_json(*metadata)) {
    return std::unexpected(usage_failure("--metadata: not one JSON value: " + value));
  }
  return metadata;
}

Outcome append_event(Session& session, const AppendOptions& options) {
  const auto format = *parse_payload_format(options.format);
  auto data = load_value_or_input(options.data, format);
  if (!data) return std::unexpected(std::move(data).error());
  auto metadata = load_metadata(options.metadata);
  if (!metadata) return std::unexpected(std::move(metadata).error());

  NewEvent event{.stream = options.stream,
                 .type = options.type,
                 .data = *std::move(data),
                 .metadata = *std::move(metadata),
                 .tags = options.tags,
                 .format = format,
                 .schema_version = options.schema_version};
  if (options.id) event.id = Uuid::parse(*options.id);
  if (options.time) event.occurred_at = parse_timestamp(*options.time);

  // First of all, so that what the store would refuse makes no store.
  const auto valid = validate(event);
  if (!valid) return std::unexpected(Failure(valid.error()));

  auto store = open_store(session, Access::WriteOrCreate);
  if (!store) return std::unexpected(std::move(store).error());
  AppendRequest request;
  request.checks.push_back(
      {.stream = options.stream, .expected = *parse_expected(options.expected)});
  request.events.push_back(std::move(event));
  const auto appended = (*store)->append(std::move(request));
  if (!appended) return std::unexpected(Failure(appended.error()));

  // The id may be of the store's making: it is read back from where the event is, but for one that
  // is there no more.
  const auto position = appended->first_position.value;
  ordered_json object = {{"stream", options.stream},
                         {"version", appended->streams.front().version.value},
                         {"position", position},
                         {"id", options.id ? ordered_json(*options.id) : ordered_json(nullptr)},
                         {"repeated", appended->repeated}};
  session.done = object;
  const auto read = for_each_event(
      session, **store, {.from = position, .to = position, .limit = 1, .include_system = true},
      [&](const EventView& stored) {
        object["id"] = stored.id.to_string();
        return false;
      });
  if (!read) return std::unexpected(read.error());
  session.done = object;
  print_object(session.output, session.object_format(), object);
  return ExitCode::Done;
}

}  // namespace

void add_event_commands(CLI::App& app, Session& session) {
  auto* event =
      app.add_subcommand("event", "Add and get events: append, import, export, replay, tail");
  event->require_subcommand(1);
  add_command(
      *event, session, "append",
      "Append one event; makes the store if there is none. Exit code 3 if --expect does not hold",
      declare_append, append_event);
  add_import_command(*event, session);
  add_export_command(*event, session);
  add_replay_command(*event, session);
  add_tail_command(*event, session);
}

}  // namespace eventstore::cli
