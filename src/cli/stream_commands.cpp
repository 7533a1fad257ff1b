#include <algorithm>
#include <map>
#include <queue>
#include <utility>

#include <fmt/format.h>

#include "cli/option_value.hpp"
#include "cli/session.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kPageStreams = 10'000;

enum class SortBy { Length, Name, Last };

struct ListOptions {
  ListStreamsRequest streams = {};
  SortBy sort = SortBy::Name;
  std::optional<std::uint64_t> limit = {};
};

void declare_list(CLI::App& command, ListOptions& options) {
  static const std::map<std::string, SortBy> kOrders = {
      {"length", SortBy::Length}, {"name", SortBy::Name}, {"last", SortBy::Last}};
  command.add_option("--prefix", options.streams.prefix, "Only streams whose name starts so");
  command.add_option("--category", options.streams.category,
                     "Only streams of this category: the part of the name before its first '-'");
  command
      .add_option(
          "--sort", options.sort,
          "length: longest first; name: in byte order (default); last: latest written first")
      ->transform(CLI::Transformer(kOrders).description(""))
      ->transform(CLI::IsMember(kOrders).description(""))  // asked first
      ->type_name("length|name|last");
  add_number(command, "--limit", options.limit, "At most so many streams (default: all)");
  command.add_flag("--system", options.streams.include_system,
                   "Also the store's own streams ('$')");
  command.add_flag("--deleted", options.streams.include_deleted,
                   "Also streams that are deleted; says of each whether it is");
  command.footer("Example:  event-store stream list --sort length --limit 20");
}

// Whether `a` comes before `b` in a list sorted by `sort`.
bool comes_before(SortBy sort, const StreamInfo& a, const StreamInfo& b) {
  if (sort == SortBy::Length && a.events != b.events) return a.events > b.events;
  if (sort == SortBy::Last) return a.last_position > b.last_position;
  return a.stream < b.stream;
}

// Calls `visit` with every stream that was asked for, in byte order of names, page by page.
Expected<void> for_each_stream(Session& session, EventStore& store, const ListOptions& options,
                               const std::function<void(const StreamInfo&)>& visit) {
  auto request = options.streams;
  auto left = options.sort == SortBy::Name ? options.limit.value_or(UINT64_MAX) : UINT64_MAX;
  while (left > 0 && session.output.usable()) {
    request.limit = std::min(kPageStreams, left);
    const auto page = store.list_streams(request);
    if (!page) return std::unexpected(Failure(page.error()));
    for (const auto& stream : *page) visit(stream);
    if (page->size() < request.limit) break;
    left -= page->size();
    request.after = page->back().stream;
  }
  return {};
}

Outcome list_streams(Session& session, const ListOptions& options) {
  auto store = open_store(session, Access::Read);
  if (!store) return std::unexpected(std::move(store).error());
  ObjectList list(session.output, session.list_format(),
                  {{.name = "stream"},
                   {.name = "version", .number = true},
                   {.name = "events", .number = true},
                   {.name = "first_position", .number = true},
                   {.name = "last_position", .number = true},
                   {.name = "state"}});
  const auto print = [&](const StreamInfo& info) {
    list.add({{"stream", info.stream},
              {"version", info.version.value},
              {"events", info.events},
              {"first_position", info.first_position.value},
              {"last_position", info.last_position.value},
              {"state", to_string(info.state)}});
  };

  if (options.sort == SortBy::Name) {
    const auto done = for_each_stream(session, **store, options, print);
    if (!done) return std::unexpected(done.error());
    list.finish();
    return ExitCode::Done;
  }

  // The best `limit` so far, the worst of them on top.
  const auto before = [&](const auto& a, const auto& b) {
    return comes_before(options.sort, a, b);
  };
  std::vector<StreamInfo> best;
  const auto done = for_each_stream(session, **store, options, [&](const StreamInfo& info) {
    best.push_back(info);
    std::ranges::push_heap(best, before);
    if (best.size() <= options.limit.value_or(UINT64_MAX)) return;
    std::ranges::pop_heap(best, before);
    best.pop_back();
  });
  if (!done) return std::unexpected(done.error());
  std::ranges::sort_heap(best, before);
  for (const auto& info : best) print(info);
  list.finish();
  return ExitCode::Done;
}

struct StreamOption {
  std::string stream;
};

void declare_stream(CLI::App& command, std::string& stream) {
  command.add_option("STREAM", stream, "The stream's name")->required()->type_name("");
}

void declare_inspect(CLI::App& command, StreamOption& options) {
  declare_stream(command, options.stream);
  command.footer("Example:  event-store stream inspect permit-891");
}

struct StreamSummary {
  std::map<std::string, std::uint64_t, std::less<>> types;
  std::uint64_t data_bytes = 0;
  std::uint64_t metadata_bytes = 0;
  std::optional<Timestamp> first_recorded_at, last_recorded_at;
  std::optional<Timestamp> first_time, last_time;  // of the producer, where it gave any

  void add(const EventView& event) {
    const auto type = types.find(event.type);
    if (type == types.end()) {
      types.emplace(event.type, 1);
    } else {
      ++type->second;
    }
    data_bytes += event.data.size();
    metadata_bytes += event.metadata.size();
    if (!first_recorded_at) first_recorded_at = event.recorded_at;
    last_recorded_at = event.recorded_at;
    if (!event.occurred_at) return;
    if (!first_time) first_time = event.occurred_at;
    last_time = event.occurred_at;
  }
};

ordered_json to_json(const std::optional<Timestamp>& time) {
  return time ? ordered_json(format_timestamp(*time)) : ordered_json(nullptr);
}

Outcome inspect_stream(Session& session, const StreamOption& options) {
  auto store = open_store(session, Access::Read);
  if (!store) return std::unexpected(std::move(store).error());
  const auto info = (*store)->stream_info(options.stream);
  if (!info) return std::unexpected(Failure(info.error()));
  if (!*info) return std::unexpected(no_such_stream(session, options.stream));

  const auto metadata = (*store)->stream_metadata(options.stream);
  if (!metadata) return std::unexpected(Failure(metadata.error()));

  StreamSummary summary;
  const auto read = for_each_event(
      session, **store, {.selector = SelectStream{options.stream}, .include_system = true},
      [&](const EventView& event) {
        summary.add(event);
        return true;
      });
  if (!read) return std::unexpected(read.error());

  std::vector<std::pair<std::string, std::uint64_t>> types(summary.types.begin(),
                                                           summary.types.end());
  std::ranges::stable_sort(types, std::greater<>(), [](const auto& type) { return type.second; });
  auto counts = ordered_json::object();
  for (const auto& [type, count] : types) counts[type] = count;
  ordered_json object = {{"stream", options.stream},
                         {"category", category_of(options.stream)},
                         {"state", to_string((*info)->state)},
                         {"version", (*info)->version.value},
                         {"first_version", (*info)->first_version.value},
                         {"events", (*info)->events},
                         {"first_position", (*info)->first_position.value},
                         {"last_position", (*info)->last_position.value},
                         {"first_recorded_at", to_json(summary.first_recorded_at)},
                         {"last_recorded_at", to_json(summary.last_recorded_at)},
                         {"first_time", to_json(summary.first_time)},
                         {"last_time", to_json(summary.last_time)},
                         {"data_bytes", summary.data_bytes},
                         {"metadata_bytes", summary.metadata_bytes}};
  object.update(bounds_json(*metadata));
  object["types"] = counts;
  print_object(session.output, session.object_format(), object);
  return ExitCode::Done;
}

struct ReadOptions {
  std::string stream;
  std::optional<std::uint64_t> from = {};
  std::optional<std::uint64_t> limit = {};
  bool backwards = false;
};

void declare_read(CLI::App& command, ReadOptions& options) {
  declare_stream(command, options.stream);
  add_place(command, "--from", options.from,
            "Start at this version (default: the first; backwards: the last)");
  command.add_flag("--backwards", options.backwards, "From newer to older");
  add_number(command, "--limit", options.limit, "At most so many events");
  command.footer("Example:  event-store stream read permit-891 --backwards --limit 5");
}

Failure deleted_stream(const StreamInfo& info) {
  const bool for_ever = info.state == StreamState::Tombstoned;
  Failure failure(
      for_ever ? "stream_deleted" : "not_found",
      fmt::format("stream \"{}\" was deleted{}", info.stream, for_ever ? " for ever" : ""));
  failure.details["stream"] = info.stream;
  return failure;
}

Outcome read_stream(Session& session, const ReadOptions& options) {
  auto store = open_store(session, Access::Read);
  if (!store) return std::unexpected(std::move(store).error());
  std::uint64_t events = 0;
  EventList list(session.output, session.list_format());
  const auto read =
      for_each_event(session, **store,
                     {.selector = SelectStream{options.stream},
                      .direction = options.backwards ? Direction::Backwards : Direction::Forwards,
                      .from = options.from,
                      .limit = options.limit,
                      .include_system = true},
                     [&](const EventView& event) {
                       list.add(event);
                       ++events;
                       return true;
                     });
  if (!read || events > 0) list.finish();
  if (!read) return std::unexpected(read.error());
  if (events == 0) {
    const auto info = (*store)->stream_info(options.stream);
    if (!info) return std::unexpected(Failure(info.error()));
    if (!*info) return std::unexpected(no_such_stream(session, options.stream));
    if ((*info)->state != StreamState::Live) return std::unexpected(deleted_stream(**info));
    list.finish();
  }
  return ExitCode::Done;
}

struct MetadataOptions {
  std::string stream;
  std::optional<std::string> json = {};
};

void declare_metadata(CLI::App& command, MetadataOptions& options) {
  declare_stream(command, options.stream);
  command.add_option("--set", options.json, "Replace the metadata by this JSON object")
      ->type_name("JSON|@FILE");
  command.footer(
      "Example:  event-store stream metadata permit-891 --set '{\"owner\":\"permits\"}'");
}

// Only an import of the store's own events can bring that about.
Failure no_json_metadata(const std::string& stream, const StreamMetadata& metadata) {
  Failure failure(
      "not_json",
      fmt::format("the metadata of stream \"{}\" (version {}) is not JSON; --set replaces it",
                  stream, metadata.version.value));
  failure.details["stream"] = stream;
  return failure;
}

Outcome stream_metadata(Session& session, const MetadataOptions& options) {
  const auto json = load_value(options.json.value_or(""), PayloadFormat::Json);
  if (!json) return std::unexpected(json.error());
  const auto valid = options.json ? validate_stream_metadata(*json) : Result<void>();
  if (!valid) return std::unexpected(Failure(valid.error()));
  auto store = open_store(session, options.json ? Access::Write : Access::Read);
  if (!store) return std::unexpected(std::move(store).error());
  if (options.json) {
    const auto set = (*store)->set_stream_metadata(options.stream, *json, ExpectedVersion::any());
    if (!set) return std::unexpected(Failure(set.error()));
    session.done = {{"stream", options.stream}, {"version", set->value}};
  }
  const auto metadata = (*store)->stream_metadata(options.stream);
  if (!metadata) return std::unexpected(Failure(metadata.error()));
  if (!is_json(metadata->json)) return std::unexpected(no_json_metadata(options.stream, *metadata));

  ordered_json object = {{"stream", options.stream}, {"version", metadata->version.value}};
  const auto format = session.object_format();
  if (format != OutputFormat::Table) {
    print_object(session.output, format, object, {.name = "metadata", .json = metadata->json});
    return ExitCode::Done;
  }
  // What the table cannot take apart, such as half a surrogate pair, stands there as it is.
  auto value = ordered_json::parse(metadata->json, nullptr, /*allow_exceptions=*/false);
  object["metadata"] = value.is_discarded() ? ordered_json(metadata->json) : std::move(value);
  print_object(session.output, format, object);
  return ExitCode::Done;
}

}  // namespace

void add_stream_commands(CLI::App& app, Session& session) {
  auto* stream = app.add_subcommand(
      "stream",
      "Look at streams and delete them: list, inspect, read, metadata, truncate, retain, "
      "delete, tombstone");
  stream->require_subcommand(1);
  add_command(*stream, session, "list", "List streams with their versions and positions",
              declare_list, list_streams);
  add_command(*stream, session, "inspect", "Show what one stream holds: times, bytes, types",
              declare_inspect, inspect_stream);
  add_command(*stream, session, "read", "Print the events of one stream", declare_read,
              read_stream);
  add_command(*stream, session, "metadata", "Show or replace the metadata of a stream",
              declare_metadata, stream_metadata);
  add_deletion_commands(*stream, session);
}

}  // namespace eventstore::cli
