#include "eventstore/event_store.hpp"

#include <algorithm>
#include <utility>

#include "core/refusal.hpp"
#include "core/stream_bounds.hpp"
#include "eventstore/validate.hpp"

// Stream metadata and deletion, written once over what every engine has: each is an append that
// holds only for the metadata it was made from, tried anew where somebody else was faster.
namespace eventstore {
namespace {

// How often a change is made anew. Each time that it loses, another has won.
constexpr int kAttemptsMax = 1000;

// The metadata of a stream as it is stored.
struct Document {
  StreamVersion version;
  std::string json = "{}";
  StreamBounds bounds = {};
};

StreamBounds bounds_in(const EventView& event) {
  const auto stated = stated_bounds(event.stream, event.type, event.format, event.data);
  return stated && *stated ? (*stated)->bounds : StreamBounds{};
}

Result<Document> read_document(EventStore& store, std::string_view stream) {
  ReadRequest request{.selector = SelectStream{metadata_stream_of(stream)},
                      .direction = Direction::Backwards,
                      .limit = 1};
  Document document{.version = {}};
  // The last event is the metadata; the bounds are in the last one of their type.
  for (const bool of_type : {false, true}) {
    if (of_type) request.types.emplace_back(kMetadataType);
    const auto cursor = store.read(request);
    if (!cursor) return std::unexpected(cursor.error());
    const auto events = (*cursor)->next();
    if (!events) return std::unexpected(events.error());
    if (events->empty()) break;
    const auto& event = events->front();
    if (!of_type) {
      document.version = event.version;
      document.json = event.data;
    }
    if (event.type != kMetadataType) continue;
    document.bounds = bounds_in(event);
    break;
  }
  return document;
}

NewEvent metadata_event(std::string_view stream, std::string json) {
  return {.stream = metadata_stream_of(stream),
          .type = std::string(kMetadataType),
          .data = std::move(json)};
}

// Fails as an append does where the checks do not hold; else the head at which they do.
Result<GlobalPosition> ask(EventStore& store, std::vector<StreamCheck> checks) {
  const auto asked = store.append({.checks = std::move(checks)});
  if (!asked) return std::unexpected(asked.error());
  return asked->last_position;
}

// Where a change was made from what is no longer so: somebody else was faster. Bounds that would
// bring back what is hidden are of that kind as well, because more is by now.
bool is_race(const Error& error) {
  return error.code == ErrorCode::WrongExpectedVersion || error.code == ErrorCode::InvalidArgument;
}

// Absent: try again.
template <typename T>
using Attempt = std::optional<Result<T>>;

template <typename T, typename MakeAttempt>
Result<T> until_made(const MakeAttempt& attempt) {
  for (int made = 0; made < kAttemptsMax; ++made) {
    if (Attempt<T> done = attempt()) return *std::move(done);
  }
  return std::unexpected(Error{.code = ErrorCode::Overloaded,
                               .message = "the metadata of the stream changes all the time: every "
                                          "change that was made of it came too late"});
}

// Changes the bounds of a stream.
struct BoundsChange {
  EventStore& store;
  std::string_view stream;
  ExpectedVersion expected;
  bool pinned = false;  // what it does depends on the stream's last version

  // `change(info, bounds)` changes the bounds that the stream has now, or refuses to.
  template <typename Change>
  Attempt<StreamChange> attempt(const Change& change) const {
    const auto found = store.stream_info(stream);
    if (!found) return std::unexpected(found.error());
    const auto document = read_document(store, stream);
    if (!document) return std::unexpected(document.error());
    const auto info = found->value_or(StreamInfo{.stream = std::string(stream)});
    std::vector<StreamCheck> checks = {{.stream = metadata_stream_of(stream),
                                        .expected = ExpectedVersion::exactly(document->version)},
                                       {.stream = std::string(stream), .expected = expected}};
    auto bounds = document->bounds;
    // Any metadata of a tombstoned stream is for the store to refuse.
    if (info.state == StreamState::Tombstoned) {
      return write(with_own_keys("{}", bounds, "{}"), std::move(checks));
    }
    if (!holds_for(expected, info.version, bounds.truncate_before)) {
      const auto head = ask(store, {checks.back()});
      if (!head) return std::unexpected(head.error());
      return std::nullopt;
    }
    if (Result<void> made = change(info, bounds); !made) return std::unexpected(made.error());
    if (bounds == document->bounds) {
      const auto head = ask(store, std::move(checks));
      if (!head && is_race(head.error())) return std::nullopt;
      if (!head) return std::unexpected(head.error());
      return StreamChange{.version = document->version, .position = *head, .changed = false};
    }
    if (pinned) checks.back().expected = ExpectedVersion::exactly(info.version);
    return write(with_own_keys(without_own_keys(document->json), bounds, document->json),
                 std::move(checks));
  }

  Attempt<StreamChange> write(std::string json, std::vector<StreamCheck> checks) const {
    AppendRequest request{.checks = std::move(checks), .system = true};
    request.events.push_back(metadata_event(stream, std::move(json)));
    const auto appended = store.append(std::move(request));
    if (!appended && is_race(appended.error())) return std::nullopt;
    if (!appended) return std::unexpected(appended.error());
    return StreamChange{.version = appended->streams.front().version,
                        .position = appended->last_position};
  }

  template <typename Change>
  Result<StreamChange> make(const Change& change) const {
    if (stream.starts_with(kMetadataPrefix)) {
      return invalid_argument("stream " + in_quotes(stream) +
                              " is the metadata of a stream, which cannot be deleted");
    }
    return until_made<StreamChange>([&] { return attempt(change); });
  }
};

Result<void> validate_retention(const Retention& retention) {
  const bool count_is_none = retention.max_count && *retention.max_count == 0;
  const bool count_is_huge = retention.max_count && *retention.max_count > kBoundMax;
  if (count_is_none || count_is_huge) {
    return invalid_argument("the max count " + std::to_string(*retention.max_count) +
                            " must be 1 to " + std::to_string(kBoundMax) + " events");
  }
  if (retention.max_age && retention.max_age->count() < 1) {
    return invalid_argument("the max age of " + std::to_string(retention.max_age->count()) +
                            " seconds must be at least one second");
  }
  return {};
}

}  // namespace

Result<StreamMetadata> EventStore::stream_metadata(std::string_view stream) {
  if (auto valid = validate_stream_name(stream); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  auto document = read_document(*this, stream);
  if (!document) return std::unexpected(std::move(document).error());
  return StreamMetadata{.version = document->version,
                        .json = without_own_keys(document->json),
                        .truncate_before = document->bounds.truncate_before,
                        .retention = document->bounds.retention};
}

Result<StreamVersion> EventStore::set_stream_metadata(std::string_view stream,
                                                      std::string_view json,
                                                      ExpectedVersion expected) {
  if (auto valid = validate_stream_name(stream); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  if (auto valid = validate_stream_metadata(json); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  return until_made<StreamVersion>([&]() -> Attempt<StreamVersion> {
    const auto document = read_document(*this, stream);
    if (!document) return std::unexpected(document.error());
    if (!expected.holds_for(document->version)) {
      const auto head = ask(*this, {{.stream = metadata_stream_of(stream), .expected = expected}});
      if (!head) return std::unexpected(head.error());
      return std::nullopt;
    }
    AppendRequest request{.system = true};
    request.events.push_back(
        metadata_event(stream, with_own_keys(json, document->bounds, document->json)));
    request.checks.push_back({.stream = metadata_stream_of(stream),
                              .expected = ExpectedVersion::exactly(document->version)});
    const auto appended = append(std::move(request));
    if (!appended && is_race(appended.error())) return std::nullopt;
    if (!appended) return std::unexpected(appended.error());
    return appended->streams.front().version;
  });
}

Result<StreamChange> EventStore::truncate_stream(std::string_view stream, StreamVersion before,
                                                 ExpectedVersion expected) {
  const BoundsChange change{.store = *this, .stream = stream, .expected = expected};
  return change.make([&](const StreamInfo& info, StreamBounds& bounds) -> Result<void> {
    if (before.value > info.version.value + 1) {
      return invalid_argument("stream " + in_quotes(stream) +
                              " cannot be truncated before version " +
                              std::to_string(before.value) + ": its next version is " +
                              std::to_string(info.version.value + 1));
    }
    bounds.truncate_before = std::max(bounds.truncate_before, before);
    return {};
  });
}

Result<StreamChange> EventStore::set_retention(std::string_view stream, const Retention& retention,
                                               ExpectedVersion expected) {
  if (auto valid = validate_retention(retention); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  const BoundsChange change{.store = *this, .stream = stream, .expected = expected};
  return change.make([&](const StreamInfo& info, StreamBounds& bounds) -> Result<void> {
    if (is_relaxed(bounds.retention.max_count, retention.max_count) ||
        is_relaxed(bounds.retention.max_age, retention.max_age)) {
      const StreamVersion first{std::max<std::uint64_t>(info.first_version.value, 1)};
      bounds.truncate_before = std::max(bounds.truncate_before, first);
    }
    bounds.retention = retention;
    return {};
  });
}

Result<StreamChange> EventStore::delete_stream(std::string_view stream, ExpectedVersion expected) {
  const BoundsChange change{.store = *this, .stream = stream, .expected = expected, .pinned = true};
  return change.make([](const StreamInfo& info, StreamBounds& bounds) -> Result<void> {
    if (info.version.value == 0) return {};
    const StreamVersion next{info.version.value + 1};
    bounds.truncate_before = std::max(bounds.truncate_before, next);
    return {};
  });
}

Result<StreamChange> EventStore::tombstone_stream(std::string_view stream,
                                                  ExpectedVersion expected) {
  AppendRequest request{.system = true};
  request.events.push_back({.stream = std::string(stream), .type = std::string(kTombstoneType)});
  request.checks.push_back({.stream = std::string(stream), .expected = expected});
  const auto appended = append(std::move(request));
  if (!appended) return std::unexpected(appended.error());
  return StreamChange{.version = appended->streams.front().version,
                      .position = appended->last_position};
}

}  // namespace eventstore
