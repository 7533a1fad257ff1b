#include "support/store_access.hpp"

#include <algorithm>
#include <iterator>
#include <ostream>

#include "eventstore/text.hpp"

namespace eventstore {

void PrintTo(ErrorCode code, std::ostream* out) {
  *out << to_string(code);
}

void PrintTo(GlobalPosition position, std::ostream* out) {
  *out << "position " << position.value;
}

void PrintTo(StreamVersion version, std::ostream* out) {
  *out << "version " << version.value;
}

void PrintTo(const Uuid& id, std::ostream* out) {
  *out << id.to_string();
}

void PrintTo(const RecordedEvent& event, std::ostream* out) {
  *out << event.position.value << ": " << event.stream << '@' << event.version.value << ' '
       << event.type << ' ' << event.id.to_string() << ", data " << event.data.size()
       << " bytes, metadata " << event.metadata.size() << " bytes, " << event.tags.size()
       << " tags, schema version " << event.schema_version << ", " << to_string(event.format);
  if (event.occurred_at) *out << ", occurred at " << format_timestamp(*event.occurred_at);
  if (event.last_of_append) *out << ", last of its append";
}

void PrintTo(const StreamInfo& info, std::ostream* out) {
  *out << info.stream << '@' << info.version.value << " (" << to_string(info.state)
       << "): " << info.events << " events from version " << info.first_version.value
       << " on, positions " << info.first_position.value << " to " << info.last_position.value;
}

void PrintTo(const StreamOutcome& outcome, std::ostream* out) {
  *out << outcome.stream << '@' << outcome.version.value;
}

namespace test {

Uuid id_of(std::uint64_t number) {
  Uuid id;
  id.bytes[6] = std::byte{0x40};
  id.bytes[8] = std::byte{0x80};
  for (std::size_t at = 15; at > 8; --at) {
    id.bytes[at] = static_cast<std::byte>(number & 0xff);
    number >>= 8;
  }
  return id;
}

NewEvent event_of(std::string stream, std::string type) {
  return NewEvent{.stream = std::move(stream), .type = std::move(type), .data = "{}"};
}

NewEvent event_of(std::string stream, std::string type, Uuid id) {
  NewEvent event = event_of(std::move(stream), std::move(type));
  event.id = id;
  return event;
}

NewEvent tagged_event_of(std::string stream, std::string type, std::vector<std::string> tags) {
  NewEvent event = event_of(std::move(stream), std::move(type));
  event.tags = std::move(tags);
  return event;
}

AppendRequest append_to(std::string stream, ExpectedVersion expected, std::size_t count) {
  AppendRequest request;
  request.events.assign(count, event_of(stream));
  request.checks.push_back({.stream = std::move(stream), .expected = expected});
  return request;
}

Result<ReadOutcome> try_read(EventStore& store, ReadRequest request) {
  auto cursor = store.read(std::move(request));
  if (!cursor) return std::unexpected(std::move(cursor).error());
  ReadOutcome outcome{.events = {}, .head = (*cursor)->head()};
  for (;;) {
    const auto batch = (*cursor)->next();
    if (!batch) return std::unexpected(batch.error());
    if (batch->empty()) return outcome;
    for (const EventView& view : *batch) outcome.events.emplace_back(view);
  }
}

std::vector<RecordedEvent> read_events(EventStore& store, ReadRequest request) {
  return value_of(try_read(store, std::move(request))).events;
}

std::vector<RecordedEvent> read_stream(EventStore& store, std::string stream) {
  return read_events(store, {.selector = SelectStream{std::move(stream)}});
}

std::vector<RecordedEvent> read_everything(EventStore& store) {
  return read_events(store, {.include_system = true});
}

std::string read_lines(EventStore& store, ReadRequest request) {
  const auto cursor = value_of(store.read(std::move(request)));
  std::string lines;
  for (;;) {
    const auto batch = value_of(cursor->next());
    if (batch.empty()) return lines;
    for (const EventView& event : batch) {
      write_ndjson_event(lines, event);
      lines += '\n';
    }
  }
}

std::vector<std::uint64_t> positions_of(const std::vector<RecordedEvent>& events) {
  std::vector<std::uint64_t> positions;
  std::ranges::transform(events, std::back_inserter(positions),
                         [](const RecordedEvent& event) { return event.position.value; });
  return positions;
}

std::vector<std::uint64_t> versions_of(const std::vector<RecordedEvent>& events) {
  std::vector<std::uint64_t> versions;
  std::ranges::transform(events, std::back_inserter(versions),
                         [](const RecordedEvent& event) { return event.version.value; });
  return versions;
}

}  // namespace test
}  // namespace eventstore
