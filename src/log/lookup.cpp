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
  if (const auto damage = segment.damage()) return std::unexpected(error_of(damage->front()));
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

namespace {

// Gathers the streams of one segment after another. Each segment names its first `limit` matching
// streams; the first `limit` of all are among them.
class StreamListing {
 public:
  StreamListing(const Snapshot& snapshot, const ListStreamsRequest& request)
      : snapshot_(snapshot), request_(request) {}

  Result<void> add_segment_of(std::size_t ordinal) {
    const auto index = whole_index(*(*snapshot_.segments)[ordinal]);
    if (!index) return std::unexpected(index.error());
    std::uint64_t listed = 0;
    Result<void> added;
    const auto visit = [&](std::string_view name, const KeyEntry& entry) {
      if (!is_wanted(name)) return true;
      const auto is_there = add(ordinal, **index, name, entry);
      if (!is_there) {
        added = std::unexpected(is_there.error());
        return false;
      }
      return !*is_there || ++listed < request_.limit;
    };
    auto walked = (*index)->list_keys(KeyKind::Stream, narrowest_prefix(), request_.after, visit);
    return walked ? added : walked;
  }

  std::vector<StreamInfo> take() {
    std::vector<StreamInfo> streams;
    for (auto& info : std::views::values(found_)) {
      if (streams.size() == request_.limit) break;
      streams.push_back(std::move(info));
    }
    return streams;
  }

 private:
  bool is_wanted(std::string_view name) const {
    return (request_.include_system || !is_system_name(name)) &&
           name.starts_with(request_.prefix) &&
           (!request_.category || category_of(name) == *request_.category);
  }

  // A category's streams all start with its name: that narrows the walk.
  std::string_view narrowest_prefix() const {
    const bool by_category =
        request_.category && request_.category->size() > request_.prefix.size();
    return by_category ? *request_.category : request_.prefix;
  }

  // False: all of the stream's events in the segment are beyond the head.
  Result<bool> add(std::size_t ordinal, const SegmentIndex& index, std::string_view name,
                   const KeyEntry& entry) {
    const auto at = found_.find(name);
    StreamInfo info = at == found_.end() ? StreamInfo{.stream = std::string(name)} : at->second;
    const auto events_before = info.events;
    if (auto added = add_segment(snapshot_, ordinal, index, entry, info); !added) {
      return std::unexpected(std::move(added).error());
    }
    if (info.events == events_before) return false;
    found_.insert_or_assign(info.stream, std::move(info));
    return true;
  }

  const Snapshot& snapshot_;
  const ListStreamsRequest& request_;
  std::map<std::string, StreamInfo, std::less<>> found_;
};

}  // namespace

Result<std::vector<StreamInfo>> list_streams(const Snapshot& snapshot,
                                             const ListStreamsRequest& request) {
  StreamListing listing(snapshot, request);
  if (request.limit == 0) return listing.take();
  for (std::size_t ordinal = 0; ordinal < snapshot.segments->size(); ++ordinal) {
    if (auto added = listing.add_segment_of(ordinal); !added) {
      return std::unexpected(std::move(added).error());
    }
  }
  return listing.take();
}

}  // namespace eventstore::log
