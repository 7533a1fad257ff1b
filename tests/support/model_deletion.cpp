#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "support/model.hpp"

// What is deleted of the model's streams.
namespace eventstore::test {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kPrefix = "$$";

bool is_metadata(const NewEvent& event) {
  return event.type == "$metadata" && event.stream.starts_with(kPrefix) &&
         event.stream.size() > kPrefix.size();
}

std::string metadata_stream(const std::string& stream) {
  return std::string(kPrefix) + stream;
}

std::unexpected<Error> stream_deleted(const std::string& stream) {
  return std::unexpected(Error{.code = ErrorCode::StreamDeleted,
                               .message = "the stream is tombstoned",
                               .details = DeletedStream{.stream = stream}});
}

std::unexpected<Error> shrinks() {
  return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                               .message = "the bounds bring something back",
                               .details = {}});
}

template <typename T>
std::optional<T> number_in(const ordered_json& object, const char* key) {
  const auto member = object.find(key);
  return member == object.end() ? std::nullopt : std::optional(member->get<T>());
}

}  // namespace

Model::Bounds Model::bounds_of(const AllBounds& all, std::string_view stream) {
  const auto known = all.find(stream);
  return known == all.end() ? Bounds{} : known->second;
}

bool Model::is_gone(const RecordedEvent& event) const {
  const auto bounds = bounds_of(event.stream);
  return event.version.value < std::max(bounds.truncate_before, bounds.tombstone);
}

std::uint64_t Model::first_readable(std::string_view stream) const {
  const auto bounds = bounds_of(stream);
  if (bounds.tombstone != 0) return std::numeric_limits<std::uint64_t>::max();
  const auto last = version_of(stream).value;
  const auto kept = std::min(bounds.max_count.value_or(last), last);
  return std::max({bounds.truncate_before, last + 1 - kept, first_young(stream, bounds)});
}

// The first version that is not older than max age; the next to come if all are. What was deleted
// before it was learned has no time here: it is hidden anyway.
std::uint64_t Model::first_young(std::string_view stream, const Bounds& bounds) const {
  const auto known = streams_.find(stream);
  if (!bounds.max_age || known == streams_.end()) return 1;
  constexpr std::int64_t kForEver = std::int64_t{10'000} * 366 * 24 * 3600;
  const std::chrono::seconds age(std::min(*bounds.max_age, kForEver));
  const auto& positions = known->second;
  for (auto version = positions.size(); version > 0; --version) {
    const auto recorded_at = events_[positions[version - 1].value - 1].recorded_at;
    if (recorded_at != Timestamp{} && newest_ - recorded_at > age) return version + 1;
  }
  return 1;
}

StreamState Model::state_of(std::string_view stream) const {
  const auto bounds = bounds_of(stream);
  if (bounds.tombstone != 0) return StreamState::Tombstoned;
  const auto last = version_of(stream).value;
  return last != 0 && last < bounds.truncate_before ? StreamState::Deleted : StreamState::Live;
}

std::vector<RecordedEvent> Model::visible() const {
  std::vector<RecordedEvent> found;
  std::ranges::copy_if(events_, std::back_inserter(found),
                       [&](const RecordedEvent& event) { return !is_gone(event); });
  return found;
}

std::vector<const RecordedEvent*> Model::forgettable() const {
  std::vector<const RecordedEvent*> found;
  for (const auto& event : events_) {
    if (is_gone(event) && event.version != version_of(event.stream) &&
        ids_.contains({event.stream, event.id})) {
      found.push_back(&event);
    }
  }
  return found;
}

std::vector<std::pair<std::string, StreamVersion>> Model::hidden_by_retention() const {
  std::vector<std::pair<std::string, StreamVersion>> found;
  for (const auto& [stream, bounds] : bounds_) {
    if (bounds.tombstone != 0 || version_of(stream).value == 0) continue;
    const auto first = first_readable(stream);
    if (first > std::max<std::uint64_t>(bounds.truncate_before, 1))
      found.emplace_back(stream, first);
  }
  return found;
}

std::size_t Model::stream_count() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      streams_, [&](const auto& stream) { return state_of(stream.first) == StreamState::Live; }));
}

Result<void> Model::refuse_tombstoned(const AppendRequest& request) const {
  for (const NewEvent& event : request.events) {
    if (bounds_of(event.stream).tombstone != 0) return stream_deleted(event.stream);
  }
  return {};
}

// What the bounds of all streams are after the request.
Result<Model::AllBounds> Model::decide_bounds(const AppendRequest& request) const {
  auto all = bounds_;
  std::map<std::string, std::uint64_t> added;
  const auto last_of = [&](const std::string& stream) {
    return version_of(stream).value + added[stream];
  };
  for (const NewEvent& event : request.events) {
    if (bounds_of(all, event.stream).tombstone != 0) return stream_deleted(event.stream);
    ++added[event.stream];
    if (event.type == "$tombstone") {
      all[event.stream] = {.tombstone = last_of(event.stream)};
      continue;
    }
    if (!is_metadata(event)) continue;
    const auto stream = event.stream.substr(kPrefix.size());
    const auto before = bounds_of(all, stream);
    if (before.tombstone != 0) return stream_deleted(stream);
    const auto object = event.format == PayloadFormat::Json
                            ? ordered_json::parse(event.data, nullptr, false)
                            : ordered_json();
    Bounds after;
    if (object.is_object()) {
      after = {.truncate_before = number_in<std::uint64_t>(object, "$tb").value_or(0),
               .max_count = number_in<std::uint64_t>(object, "$maxCount"),
               .max_age = number_in<std::int64_t>(object, "$maxAge")};
    }
    if (!before.any() && !after.any()) continue;
    const auto last = last_of(stream);
    auto least = before.truncate_before;
    const bool counts_more =
        before.max_count && after.max_count.value_or(UINT64_MAX) > *before.max_count;
    if (counts_more && last > *before.max_count)
      least = std::max(least, last - *before.max_count + 1);
    if (before.max_age && after.max_age.value_or(INT64_MAX) > *before.max_age)
      least = std::max(least, first_young(stream, before));
    if (!after.any() || std::max<std::uint64_t>(after.truncate_before, 1) < least ||
        after.truncate_before > last + 1) {
      return shrinks();
    }
    all[stream] = after;
  }
  return all;
}

StreamVersion Model::metadata_version(const std::string& stream) const {
  return version_of(metadata_stream(stream));
}

// What users have put into a document that is as compact as can be.
void Model::note_metadata(const NewEvent& event) {
  if (!event.stream.starts_with(kPrefix)) return;
  auto document = ordered_json::parse(event.data, nullptr, false);
  auto& users = users_metadata_[event.stream];
  users.clear();
  if (!document.is_object()) return;
  for (const char* key : {"$tb", "$maxCount", "$maxAge"}) document.erase(key);
  const auto text = document.dump();
  users = text.substr(1, text.size() - 2);
}

AppendRequest Model::metadata_request(const std::string& stream, const Bounds& bounds,
                                      const std::string& users) {
  std::string members;
  const auto add = [&](const std::string& member) {
    if (!members.empty()) members += ',';
    members += member;
  };
  if (bounds.truncate_before != 0) add("\"$tb\":" + std::to_string(bounds.truncate_before));
  if (bounds.max_count) add("\"$maxCount\":" + std::to_string(*bounds.max_count));
  if (bounds.max_age) add("\"$maxAge\":" + std::to_string(*bounds.max_age));
  if (!users.empty()) add(users);
  AppendRequest request{.system = true};
  request.events.push_back(
      {.stream = metadata_stream(stream), .type = "$metadata", .data = "{" + members + "}"});
  return request;
}

Result<StreamChange> Model::change_bounds(const std::string& stream, const Bounds& bounds,
                                          ExpectedVersion expected) {
  const auto before = bounds_of(stream);
  const bool changes = bounds.truncate_before != before.truncate_before ||
                       bounds.max_count != before.max_count || bounds.max_age != before.max_age;
  AppendRequest request;
  if (changes || before.tombstone != 0) {
    request = metadata_request(stream, bounds, users_metadata_[metadata_stream(stream)]);
  }
  request.checks.push_back({.stream = stream, .expected = expected});
  const auto applied = apply(request);
  if (!applied) return std::unexpected(applied.error());
  return StreamChange{
      .version = metadata_version(stream), .position = head(), .changed = !request.events.empty()};
}

Result<StreamChange> Model::truncate_stream(const std::string& stream, StreamVersion before,
                                            ExpectedVersion expected) {
  if (stream.starts_with(kPrefix)) return shrinks();
  if (bounds_of(stream).tombstone != 0) return stream_deleted(stream);
  if (auto held = decide_checks({{.stream = stream, .expected = expected}}); !held) {
    return std::unexpected(std::move(held).error());
  }
  if (before.value > version_of(stream).value + 1) return shrinks();
  auto bounds = bounds_of(stream);
  bounds.truncate_before = std::max(bounds.truncate_before, before.value);
  return change_bounds(stream, bounds, expected);
}

Result<StreamChange> Model::set_retention(const std::string& stream, const Retention& retention,
                                          ExpectedVersion expected) {
  if (stream.starts_with(kPrefix)) return shrinks();
  auto bounds = bounds_of(stream);
  const auto age =
      retention.max_age ? std::optional(std::int64_t{retention.max_age->count()}) : std::nullopt;
  const bool relaxes_count =
      bounds.max_count && retention.max_count.value_or(UINT64_MAX) > *bounds.max_count;
  const bool relaxes_age = bounds.max_age && age.value_or(INT64_MAX) > *bounds.max_age;
  if ((relaxes_count || relaxes_age) && bounds.tombstone == 0) {
    bounds.truncate_before = first_readable(stream);
  }
  bounds.max_count = retention.max_count;
  bounds.max_age = age;
  return change_bounds(stream, bounds, expected);
}

Result<StreamChange> Model::delete_stream(const std::string& stream, ExpectedVersion expected) {
  if (stream.starts_with(kPrefix)) return shrinks();
  auto bounds = bounds_of(stream);
  const auto last = version_of(stream).value;
  if (last != 0) bounds.truncate_before = last + 1;
  return change_bounds(stream, bounds, expected);
}

Result<StreamChange> Model::tombstone_stream(const std::string& stream, ExpectedVersion expected) {
  AppendRequest request{.checks = {{.stream = stream, .expected = expected}}, .system = true};
  request.events.push_back({.stream = stream, .type = "$tombstone"});
  const auto applied = apply(request);
  if (!applied) return std::unexpected(applied.error());
  return StreamChange{.version = version_of(stream), .position = head()};
}

Result<StreamVersion> Model::set_stream_metadata(const std::string& stream, const std::string& json,
                                                 ExpectedVersion expected) {
  auto request = metadata_request(stream, bounds_of(stream), json.substr(1, json.size() - 2));
  request.checks.push_back({.stream = metadata_stream(stream), .expected = expected});
  const auto applied = apply(request);
  if (!applied) return std::unexpected(applied.error());
  return metadata_version(stream);
}

}  // namespace eventstore::test
