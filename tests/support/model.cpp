#include "support/model.hpp"

#include <algorithm>
#include <ranges>
#include <sstream>

#include "eventstore/validate.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

bool is_system(const RecordedEvent& event) {
  return is_system_name(event.stream) || is_system_name(event.type);
}

bool item_matches(const QueryItem& item, const RecordedEvent& event) {
  const bool type_matches = item.types.empty() || std::ranges::count(item.types, event.type) > 0;
  return type_matches && std::ranges::all_of(item.tags, [&](const std::string& tag) {
           return std::ranges::count(event.tags, tag) > 0;
         });
}

bool query_matches(const Query& query, const RecordedEvent& event) {
  return query.all || std::ranges::any_of(query.items, [&](const QueryItem& item) {
           return item_matches(item, event);
         });
}

struct Selects {
  const RecordedEvent& event;
  bool operator()(const SelectAll&) const { return true; }
  bool operator()(const SelectStream& selector) const { return event.stream == selector.stream; }
  bool operator()(const SelectCategory& selector) const {
    return category_of(event.stream) == selector.category;
  }
  bool operator()(const Query& query) const { return query_matches(query, event); }
};

bool read_matches(const ReadRequest& request, const RecordedEvent& event) {
  const bool by_stream = std::holds_alternative<SelectStream>(request.selector);
  if (is_system(event) && !by_stream && !request.include_system) return false;
  if (!std::visit(Selects{event}, request.selector)) return false;
  if (!request.types.empty() && std::ranges::count(request.types, event.type) == 0) return false;
  if (!event.stream.starts_with(request.stream_prefix)) return false;
  const auto place = by_stream ? event.version.value : event.position.value;
  const bool forwards = request.direction == Direction::Forwards;
  const auto& lowest = forwards ? request.from : request.to;
  const auto& highest = forwards ? request.to : request.from;
  return (!lowest || place >= *lowest) && (!highest || place <= *highest);
}

RecordedEvent recorded(const NewEvent& event, GlobalPosition position, StreamVersion version) {
  RecordedEvent record;
  record.position = position;
  record.version = version;
  record.id = event.id.value_or(Uuid{});
  record.stream = event.stream;
  record.type = event.type;
  record.data = event.data;
  record.metadata = event.metadata;
  record.tags = event.tags;
  record.format = event.format;
  record.schema_version = event.schema_version;
  record.occurred_at = event.occurred_at;
  return record;
}

// Sets the version of `stream` after an append, which is that of the last event in it.
void note_version(std::vector<StreamOutcome>& streams, const std::string& stream,
                  StreamVersion version) {
  const auto known = std::ranges::find(streams, stream, &StreamOutcome::stream);
  if (known == streams.end()) {
    streams.push_back({.stream = stream, .version = version});
  } else {
    known->version = version;
  }
}

std::unexpected<Error> refusal(ErrorCode code, std::string message, ErrorDetails details = {}) {
  return std::unexpected(
      Error{.code = code, .message = std::move(message), .details = std::move(details)});
}

}  // namespace

Result<AppendResult> Model::apply(const AppendRequest& request) {
  if (auto valid = validate(request); !valid) return std::unexpected(std::move(valid).error());
  if (auto known = find_overlap(request)) return *std::move(known);
  if (auto alive = refuse_tombstoned(request); !alive) {
    return std::unexpected(std::move(alive).error());
  }
  if (auto held = decide_checks(request.checks); !held) {
    return std::unexpected(std::move(held).error());
  }
  if (request.condition) {
    auto held = decide_condition(*request.condition);
    if (!held) return std::unexpected(std::move(held).error());
  }
  auto bounds = decide_bounds(request);
  if (!bounds) return std::unexpected(std::move(bounds).error());
  bounds_ = *std::move(bounds);
  return add(request);
}

// Absent where no id of the request is there yet.
std::optional<Result<AppendResult>> Model::find_overlap(const AppendRequest& request) const {
  AppendResult original{.first_position = {}, .last_position = {}, .streams = {}, .repeated = true};
  std::optional<IdConflict> shared;
  bool whole = true;
  for (const NewEvent& event : request.events) {
    const auto there = event.id ? find(event.stream, *event.id) : std::nullopt;
    if (!there || there->position <= original.last_position) whole = false;
    if (!there) continue;
    if (!shared) shared = {.stream = event.stream, .id = *event.id, .position = there->position};
    if (original.first_position.value == 0) original.first_position = there->position;
    original.last_position = there->position;
    note_version(original.streams, event.stream, there->version);
  }
  if (!shared) return std::nullopt;
  if (whole) return original;
  return refusal(ErrorCode::EventIdConflict, "some ids are there already", *shared);
}

Result<void> Model::decide_checks(const std::vector<StreamCheck>& checks) const {
  for (const StreamCheck& check : checks) {
    const StreamVersion actual = version_of(check.stream);
    const auto kind = check.expected.kind();
    const auto state = state_of(check.stream);
    if (state == StreamState::Tombstoned && kind != ExpectedVersion::Kind::Any) {
      return refusal(ErrorCode::StreamDeleted, "tombstoned", DeletedStream{.stream = check.stream});
    }
    if (state == StreamState::Deleted && kind != ExpectedVersion::Kind::StreamExists &&
        check.expected.holds_for({0})) {
      continue;
    }
    const bool is_no_stream_that_exists =
        state == StreamState::Deleted && kind == ExpectedVersion::Kind::StreamExists;
    if (check.expected.holds_for(actual) && !is_no_stream_that_exists) continue;
    return refusal(
        ErrorCode::WrongExpectedVersion, "wrong version of " + check.stream,
        VersionConflict{
            .stream = check.stream, .expected = check.expected.to_string(), .actual = actual});
  }
  return {};
}

Result<void> Model::decide_condition(const AppendCondition& condition) const {
  if (condition.after > head()) {
    return refusal(ErrorCode::InvalidArgument, "the condition is about what is yet to come");
  }
  for (auto index = condition.after.value; index < events_.size(); ++index) {
    const RecordedEvent& event = events_[index];
    if (is_system(event) || is_gone(event) || !query_matches(condition.query, event)) continue;
    return refusal(ErrorCode::AppendConditionFailed, "an event matches the condition",
                   ConditionConflict{.position = event.position});
  }
  return {};
}

AppendResult Model::add(const AppendRequest& request) {
  if (request.events.empty()) {
    return {.first_position = head(), .last_position = head(), .streams = {}};
  }
  AppendResult result{.first_position = {head().value + 1}, .last_position = {}, .streams = {}};
  for (const NewEvent& event : request.events) {
    const GlobalPosition position{head().value + 1};
    auto& stream = streams_[event.stream];
    stream.push_back(position);
    const StreamVersion version{stream.size()};
    if (event.id) ids_.emplace(std::pair(event.stream, *event.id), position);
    events_.push_back(recorded(event, position, version));
    note_metadata(event);
    note_version(result.streams, event.stream, version);
  }
  events_.back().last_of_append = true;
  result.last_position = head();
  return result;
}

Result<std::vector<RecordedEvent>> Model::read(const ReadRequest& request) const {
  const auto selected = select(request);
  if (!selected) return std::unexpected(selected.error());
  std::vector<RecordedEvent> found;
  found.reserve(selected->size());
  for (const RecordedEvent* event : *selected) found.push_back(*event);
  return found;
}

Result<std::vector<const RecordedEvent*>> Model::select(const ReadRequest& request) const {
  if (auto valid = validate(request); !valid) return std::unexpected(std::move(valid).error());
  std::vector<const RecordedEvent*> found;
  if (const auto* const selector = std::get_if<SelectStream>(&request.selector)) {
    const auto stream = streams_.find(selector->stream);
    if (stream == streams_.end()) return found;
    const auto first = first_readable(selector->stream);
    for (auto version = first; version <= stream->second.size(); ++version) {
      const auto& event = events_[stream->second[version - 1].value - 1];
      if (read_matches(request, event)) found.push_back(&event);
    }
  } else {
    for (const RecordedEvent& event : events_) {
      if (read_matches(request, event) && !is_gone(event)) found.push_back(&event);
    }
  }
  if (request.direction == Direction::Backwards) std::ranges::reverse(found);
  if (request.limit && *request.limit < found.size()) found.resize(*request.limit);
  return found;
}

StreamVersion Model::version_of(std::string_view stream) const {
  const auto known = streams_.find(stream);
  return {known == streams_.end() ? 0 : known->second.size()};
}

std::optional<StreamInfo> Model::stream_info(std::string_view stream) const {
  const auto known = streams_.find(stream);
  if (known == streams_.end()) return std::nullopt;
  const auto& positions = known->second;
  const auto first = std::min<std::uint64_t>(first_readable(stream), positions.size() + 1);
  const auto events = positions.size() + 1 - first;
  return StreamInfo{.stream = known->first,
                    .version = {positions.size()},
                    .first_version = {first},
                    .events = events,
                    .first_position = events == 0 ? GlobalPosition{} : positions[first - 1],
                    .last_position = positions.back(),
                    .state = state_of(stream)};
}

std::vector<StreamInfo> Model::list_streams(const ListStreamsRequest& request) const {
  std::vector<StreamInfo> found;
  for (const auto& stream : streams_ | std::views::keys) {
    if (found.size() == request.limit) break;
    if (is_system_name(stream) && !request.include_system) continue;
    if (!stream.starts_with(request.prefix) || stream <= request.after) continue;
    if (request.category && category_of(stream) != *request.category) continue;
    if (!request.include_deleted && state_of(stream) != StreamState::Live) continue;
    found.push_back(*stream_info(stream));
  }
  return found;
}

std::optional<EventLocation> Model::find(std::string_view stream, const Uuid& id) const {
  const auto known = ids_.find(std::pair(std::string(stream), id));
  if (known == ids_.end()) return std::nullopt;
  const RecordedEvent& event = events_[known->second.value - 1];
  return EventLocation{.position = event.position, .version = event.version};
}

void Model::learn(std::span<const RecordedEvent> actual) {
  for (const RecordedEvent& event : actual) {
    RecordedEvent& known = events_.at(event.position.value - 1);
    known.id = event.id;
    known.recorded_at = event.recorded_at;
    newest_ = std::max(newest_, event.recorded_at);
    ids_.emplace(std::pair(known.stream, known.id), known.position);
  }
}

void Model::learn(const EventView& actual) {
  RecordedEvent& known = events_.at(actual.position.value - 1);
  if (known.recorded_at == actual.recorded_at && known.id == actual.id) return;
  known.id = actual.id;
  known.recorded_at = actual.recorded_at;
  newest_ = std::max(newest_, actual.recorded_at);
  ids_.emplace(std::pair(known.stream, known.id), known.position);
}

namespace {

template <typename Event>
bool same(const RecordedEvent& model, const Event& actual) {
  return model.position == actual.position && model.version == actual.version &&
         (model.id == actual.id || model.id.is_nil()) && model.stream == actual.stream &&
         model.type == actual.type && model.data == actual.data &&
         model.metadata == actual.metadata && std::ranges::equal(model.tags, actual.tags) &&
         model.format == actual.format && model.schema_version == actual.schema_version &&
         (model.recorded_at == actual.recorded_at || model.recorded_at == Timestamp{}) &&
         model.occurred_at == actual.occurred_at && model.last_of_append == actual.last_of_append;
}

}  // namespace

bool same_event(const RecordedEvent& model, const RecordedEvent& actual) {
  return same(model, actual);
}

bool same_event(const RecordedEvent& model, const EventView& actual) {
  return same(model, actual);
}

std::optional<std::string> difference(const std::vector<RecordedEvent>& model,
                                      const std::vector<RecordedEvent>& actual) {
  std::ostringstream out;
  const std::size_t both = std::min(model.size(), actual.size());
  for (std::size_t index = 0; index < both; ++index) {
    if (same_event(model[index], actual[index])) continue;
    PrintTo(model[index], &(out << "event " << index << " should be " << '['));
    PrintTo(actual[index], &(out << "] and is ["));
    out << ']';
    return out.str();
  }
  if (model.size() == actual.size()) return std::nullopt;
  out << "there should be " << model.size() << " events, there are " << actual.size();
  return out.str();
}

namespace {

// A sentence that has all of an outcome that engines must agree on.
std::string describe(const Result<AppendResult>& outcome) {
  std::ostringstream out;
  if (outcome) {
    out << (outcome->repeated ? "repeated " : "appended ") << outcome->first_position.value
        << " to " << outcome->last_position.value;
    for (const StreamOutcome& stream : outcome->streams) PrintTo(stream, &(out << ", "));
    return out.str();
  }
  out << to_string(outcome.error().code);
  const ErrorDetails& details = outcome.error().details;
  if (const auto* const version = std::get_if<VersionConflict>(&details)) {
    out << ": " << version->stream << " expected " << version->expected << ", actual "
        << version->actual.value;
  } else if (const auto* const deleted = std::get_if<DeletedStream>(&details)) {
    out << ": " << deleted->stream;
  } else if (const auto* const condition = std::get_if<ConditionConflict>(&details)) {
    out << ": position " << condition->position.value;
  } else if (const auto* const limit = std::get_if<LimitDetails>(&details)) {
    out << ": " << limit->limit << " allows " << limit->allowed << ", not " << limit->actual;
  } else if (std::holds_alternative<IdConflict>(details)) {
    out << ": with the id";
  }
  return out.str();
}

}  // namespace

std::optional<std::string> difference(const Result<AppendResult>& model,
                                      const Result<AppendResult>& actual) {
  const std::string expected = describe(model);
  const std::string got = describe(actual);
  if (expected == got) return std::nullopt;
  return "the answer should be [" + expected + "] and is [" + got + ']' +
         (actual ? "" : ": " + actual.error().message);
}

}  // namespace eventstore::test
