#include "postgres/group_copier.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "core/tags.hpp"
#include "postgres/copy_in.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kCopyEvents = "COPY {s}.events_{m} ({columns}) FROM STDIN (FORMAT binary)";
constexpr std::int16_t kEventFields = 14;

constexpr const char* kCopyIds =
    "COPY {s}.event_ids (position, stream_id, version, id, attempt) FROM STDIN (FORMAT binary)";
constexpr std::int16_t kIdFields = 5;

constexpr const char* kCopyTags =
    "COPY {s}.tags_{m} (position, recorded_at, tag) FROM STDIN (FORMAT binary)";
constexpr std::int16_t kTagFields = 3;

using Accepted = AppendGroup::AcceptedEvent;

void add_event(CopyIn& copy, const Accepted& accepted, std::uint64_t position,
               Timestamp recorded_at) {
  const auto& event = *accepted.event->event;
  copy.row(kEventFields);
  copy.int8(position);
  copy.timestamptz(recorded_at);
  copy.int8(static_cast<std::uint64_t>(accepted.stream_id));
  copy.int8(accepted.version.value);
  copy.uuid(accepted.event->id);
  copy.int2(static_cast<std::int16_t>(event.format));
  copy.int8(event.schema_version);
  event.occurred_at ? copy.timestamptz(*event.occurred_at) : copy.null();
  copy.boolean(accepted.last_of_append);
  copy.text(event.stream);
  copy.text(event.type);
  copy.text(accepted.event->tags);
  copy.text(event.metadata);
  copy.text(event.data);
}

void add_id(CopyIn& copy, const Accepted& accepted, std::uint64_t position, std::uint64_t attempt) {
  copy.row(kIdFields);
  copy.int8(position);
  copy.int8(static_cast<std::uint64_t>(accepted.stream_id));
  copy.int8(accepted.version.value);
  copy.uuid(accepted.event->id);
  accepted.event->given_id ? copy.int8(attempt) : copy.null();
}

// Each tag once.
void add_tags(CopyIn& copy, const Accepted& accepted, std::uint64_t position,
              Timestamp recorded_at) {
  const TagsView tags(accepted.event->tags);
  for (const auto tag : std::set<std::string_view>(tags.begin(), tags.end())) {
    copy.row(kTagFields);
    copy.int8(position);
    copy.timestamptz(recorded_at);
    copy.text(tag);
  }
}

// One COPY with what `add` makes of each event.
template <typename Add>
Answer<void> copy_each(Connection& connection, const std::string& sql, const AppendGroup& accepted,
                       Deadline deadline, const Add& add) {
  auto copy = CopyIn::begin(connection, sql, deadline);
  if (!copy) return std::unexpected(std::move(copy).error());
  auto position = accepted.first_position().value;
  for (const auto& event : accepted.events()) {
    add(*copy, event, position++);
    if (auto sent = copy->send_when_full(); !sent) return sent;
  }
  return copy->end();
}

}  // namespace

Answer<void> copy_events(Connection& connection, const AppendGroup& accepted,
                         const std::string& suffix, std::uint64_t attempt, Statements& statements,
                         Deadline deadline) {
  // First what the server may refuse.
  auto done = copy_each(connection, statements.of(kCopyIds), accepted, deadline,
                        [&](CopyIn& copy, const Accepted& event, std::uint64_t position) {
                          add_id(copy, event, position, attempt);
                        });
  if (!done) return done;
  const auto at = accepted.recorded_at();
  done = copy_each(connection, statements.of(kCopyEvents, suffix), accepted, deadline,
                   [&](CopyIn& copy, const Accepted& event, std::uint64_t position) {
                     add_event(copy, event, position, at);
                   });
  const bool has_tags = std::ranges::any_of(
      accepted.events(), [](const Accepted& event) { return !event.event->tags.empty(); });
  if (!done || !has_tags) return done;
  return copy_each(connection, statements.of(kCopyTags, suffix), accepted, deadline,
                   [&](CopyIn& copy, const Accepted& event, std::uint64_t position) {
                     add_tags(copy, event, position, at);
                   });
}

}  // namespace eventstore::postgres
