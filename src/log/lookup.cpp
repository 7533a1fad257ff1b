#include "log/lookup.hpp"

#include <algorithm>
#include <map>
#include <ranges>
#include <utility>

#include "log/damage.hpp"

namespace eventstore::log {
namespace {

// The index of a segment that is known to hold all its events.
Result<std::shared_ptr<const SegmentIndex>> whole_index(const Segment& segment) {
  if (const auto damage = segment.damage()) return std::unexpected(error_of(*damage));
  return segment.index();
}

Key stream_key(std::string_view stream, std::uint64_t secret) {
  return {
      .kind = KeyKind::Stream, .text = stream, .hash = hash_key(KeyKind::Stream, stream, secret)};
}

// The last visible posting of `entry` in segment `ordinal`; absent where all of them are beyond the
// head.
Result<std::optional<Posting>> last_visible(const Snapshot& snapshot, std::size_t ordinal,
                                            const SegmentIndex& index, const KeyEntry& entry) {
  const auto& segment = *(*snapshot.segments)[ordinal];
  const auto last = snapshot.last_position(ordinal);
  if (last < segment.first_position()) return std::nullopt;
  Posting posting = 0;
  const auto count =
      index.fetch(entry, segment.posting_of(last), Direction::Backwards, {&posting, 1});
  if (!count) return std::unexpected(count.error());
  if (*count == 0) return std::nullopt;
  return posting;
}

// Adds what segment `ordinal` knows of a stream to `info`. Segments must come in ascending order.
Result<void> add_segment(const Snapshot& snapshot, std::size_t ordinal, const SegmentIndex& index,
                         const KeyEntry& entry, StreamInfo& info) {
  const auto& segment = *(*snapshot.segments)[ordinal];
  const auto last = last_visible(snapshot, ordinal, index, entry);
  if (!last) return std::unexpected(last.error());
  if (!*last) return {};
  Posting first = 0;
  const auto count = index.fetch(entry, 0, Direction::Forwards, {&first, 1});
  if (!count) return std::unexpected(count.error());
  if (info.events == 0) info.first_position = segment.position_of(first);
  info.last_position = segment.position_of(**last);

  // A sealed segment is visible as a whole; the active one may be indexed beyond the head.
  auto last_version = entry.last_version;
  if (ordinal + 1 == snapshot.segments->size()) {
    auto reader = SegmentReader::open((*snapshot.segments)[ordinal]);
    if (!reader) return std::unexpected(std::move(reader).error());
    const auto event = reader->read(**last);
    if (!event) return std::unexpected(event.error());
    if (*event) last_version = (*event)->event.view.version;
  }
  info.events += last_version.value - entry.first_version.value + 1;
  info.version = last_version;
  return {};
}

}  // namespace

Result<StreamVersion> latest_version(const SegmentList& segments, const Key& stream) {
  for (const auto& segment : std::views::reverse(segments)) {
    const auto entry = segment->index()->find(stream);
    if (!entry) return std::unexpected(entry.error());
    if (*entry) return (*entry)->last_version;
  }
  return StreamVersion{};
}

Result<std::optional<StreamInfo>> stream_info(const Snapshot& snapshot, std::string_view stream,
                                              std::uint64_t secret) {
  StreamInfo info{.stream = std::string(stream)};
  const auto key = stream_key(stream, secret);
  for (std::size_t ordinal = 0; ordinal < snapshot.segments->size(); ++ordinal) {
    const auto index = whole_index(*(*snapshot.segments)[ordinal]);
    if (!index) return std::unexpected(index.error());
    const auto entry = (*index)->find(key);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) continue;
    if (auto added = add_segment(snapshot, ordinal, **index, **entry, info); !added) {
      return std::unexpected(std::move(added).error());
    }
  }
  if (info.events == 0) return std::nullopt;
  return info;
}

Result<std::optional<EventLocation>> find_event(const Snapshot& snapshot, std::string_view stream,
                                                const Uuid& id, std::uint64_t id_hash) {
  for (auto ordinal = snapshot.segments->size(); ordinal-- > 0;) {
    const auto& segment = (*snapshot.segments)[ordinal];
    const auto index = whole_index(*segment);
    if (!index) return std::unexpected(index.error());
    const auto postings = (*index)->find_id(id_hash);
    if (!postings) return std::unexpected(postings.error());
    for (const auto posting : *postings) {
      if (segment->position_of(posting) > snapshot.head) continue;
      auto reader = SegmentReader::open(segment);
      if (!reader) return std::unexpected(std::move(reader).error());
      const auto event = reader->read(posting);
      if (!event) return std::unexpected(event.error());
      if (!*event) continue;
      const auto& view = (*event)->event.view;
      if (view.id == id && view.stream == stream) {
        return EventLocation{.position = view.position, .version = view.version};
      }
    }
  }
  return std::nullopt;
}

Result<std::vector<StreamInfo>> list_streams(const Snapshot& snapshot,
                                             const ListStreamsRequest& request) {
  // Each segment names its first `limit` matching streams; the first `limit` of all are among them.
  std::map<std::string, StreamInfo, std::less<>> found;
  for (std::size_t ordinal = 0; ordinal < snapshot.segments->size(); ++ordinal) {
    const auto index = whole_index(*(*snapshot.segments)[ordinal]);
    if (!index) return std::unexpected(index.error());
    std::uint64_t listed = 0;
    Result<void> failure;
    const auto visit = [&](std::string_view name, const KeyEntry& entry) {
      if (!request.include_system && is_system_name(name)) return true;
      if (request.category && category_of(name) != *request.category) return true;
      auto at = found.find(name);
      const bool is_new = at == found.end();
      StreamInfo info = is_new ? StreamInfo{.stream = std::string(name)} : at->second;
      failure = add_segment(snapshot, ordinal, **index, entry, info);
      if (!failure) return false;
      if (info.events == 0) return true;
      if (is_new) {
        found.emplace(info.stream, std::move(info));
      } else {
        at->second = std::move(info);
      }
      return ++listed < request.limit;
    };
    if (request.limit == 0) break;
    // A category's streams all start with its name: that narrows the walk.
    const auto& prefix = request.category && request.category->size() > request.prefix.size()
                             ? *request.category
                             : request.prefix;
    auto walked = (*index)->list_keys(KeyKind::Stream, prefix, request.after, visit);
    if (walked && !failure) walked = std::move(failure);
    if (!walked) return std::unexpected(std::move(walked).error());
  }
  std::vector<StreamInfo> streams;
  for (auto& info : std::views::values(found)) {
    if (streams.size() == request.limit) break;
    if (info.stream.starts_with(request.prefix)) streams.push_back(std::move(info));
  }
  return streams;
}

}  // namespace eventstore::log
