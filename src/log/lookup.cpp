#include "log/lookup.hpp"

#include <algorithm>
#include <map>
#include <ranges>
#include <utility>

#include "log/damage.hpp"
#include "log/log_reader.hpp"

namespace eventstore::log {
namespace {

// The index of a run that is known to hold all its events.
Result<const SegmentIndex*> whole_index(const IndexRun& run) {
  if (run.damage != nullptr) return std::unexpected(error_of(run.damage->front()));
  return run.index.get();
}

Key stream_key(std::string_view stream, std::uint64_t secret) {
  return {
      .kind = KeyKind::Stream, .text = stream, .hash = hash_key(KeyKind::Stream, stream, secret)};
}

// The last visible posting of `entry` in run `ordinal`; absent where all of them are beyond the
// head.
Result<std::optional<Posting>> last_visible(const Snapshot& snapshot, std::size_t ordinal,
                                            const KeyEntry& entry) {
  const auto& run = *snapshot.runs()[ordinal];
  const auto last = snapshot.last_position_of_run(ordinal);
  if (last < run.first_position) return std::nullopt;
  Posting posting = 0;
  const auto count =
      run.index->fetch(entry, run.posting_of(last), Direction::Backwards, {&posting, 1});
  if (!count) return std::unexpected(count.error());
  if (*count == 0) return std::nullopt;
  return posting;
}

// Adds what run `ordinal` knows of a stream to `info`. Runs must come in ascending order.
Result<void> add_run(const Snapshot& snapshot, std::size_t ordinal, const KeyEntry& entry,
                     StreamInfo& info) {
  const auto& run = *snapshot.runs()[ordinal];
  const auto last = last_visible(snapshot, ordinal, entry);
  if (!last) return std::unexpected(last.error());
  if (!*last) return {};
  Posting first = 0;
  const auto count = run.index->fetch(entry, 0, Direction::Forwards, {&first, 1});
  if (!count) return std::unexpected(count.error());
  if (info.events == 0) info.first_position = run.position_of(first);
  info.last_position = run.position_of(**last);

  // The newest run may be indexed beyond the head; the others are visible as a whole.
  auto last_version = entry.last_version;
  if (ordinal + 1 == snapshot.runs().size()) {
    LogReader reader(snapshot.layout);
    const auto event = reader.read(run, **last);
    if (!event) return std::unexpected(event.error());
    if (*event) last_version = (*event)->event.view.version;
  }
  info.events += last_version.value - entry.first_version.value + 1;
  info.version = last_version;
  return {};
}

}  // namespace

Result<StreamVersion> latest_version(const RunList& runs, const Key& stream) {
  for (const auto& run : runs) run->index->prefetch(stream.hash);
  for (const auto& run : std::views::reverse(runs)) {
    const auto entry = run->index->find(stream);
    if (!entry) return std::unexpected(entry.error());
    if (*entry) return (*entry)->last_version;
  }
  return StreamVersion{};
}

Result<std::optional<StreamInfo>> stream_info(const Snapshot& snapshot, std::string_view stream,
                                              std::uint64_t secret) {
  StreamInfo info{.stream = std::string(stream)};
  const auto key = stream_key(stream, secret);
  for (const auto& run : snapshot.runs()) run->index->prefetch(key.hash);
  for (std::size_t ordinal = 0; ordinal < snapshot.runs().size(); ++ordinal) {
    const auto index = whole_index(*snapshot.runs()[ordinal]);
    if (!index) return std::unexpected(index.error());
    const auto entry = (*index)->find(key);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) continue;
    if (auto added = add_run(snapshot, ordinal, **entry, info); !added) {
      return std::unexpected(std::move(added).error());
    }
  }
  if (info.events == 0) return std::nullopt;
  return info;
}

Result<std::optional<EventLocation>> find_event(const Snapshot& snapshot, std::string_view stream,
                                                const Uuid& id, std::uint64_t id_hash) {
  LogReader reader(snapshot.layout);
  for (const auto& run : snapshot.runs()) run->index->prefetch(id_hash);
  for (const auto& run : std::views::reverse(snapshot.runs())) {
    const auto index = whole_index(*run);
    if (!index) return std::unexpected(index.error());
    const auto postings = (*index)->find_id(id_hash);
    if (!postings) return std::unexpected(postings.error());
    for (const auto posting : *postings) {
      if (run->position_of(posting) > snapshot.head) continue;
      const auto event = reader.read(*run, posting);
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

// Gathers the streams of one run after another. Each run names its first `limit` matching
// streams; the first `limit` of all are among them.
class StreamListing {
 public:
  StreamListing(const Snapshot& snapshot, const ListStreamsRequest& request)
      : snapshot_(snapshot), request_(request) {}

  Result<void> add_run_of(std::size_t ordinal) {
    const auto index = whole_index(*snapshot_.runs()[ordinal]);
    if (!index) return std::unexpected(index.error());
    std::uint64_t listed = 0;
    Result<void> added;
    const auto visit = [&](std::string_view name, const KeyEntry& entry) {
      if (!is_wanted(name)) return true;
      const auto is_there = add(ordinal, name, entry);
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

  // False: all of the stream's events in the run are beyond the head.
  Result<bool> add(std::size_t ordinal, std::string_view name, const KeyEntry& entry) {
    const auto at = found_.find(name);
    StreamInfo info = at == found_.end() ? StreamInfo{.stream = std::string(name)} : at->second;
    const auto events_before = info.events;
    if (auto added = add_run(snapshot_, ordinal, entry, info); !added) {
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
  for (std::size_t ordinal = 0; ordinal < snapshot.runs().size(); ++ordinal) {
    if (auto added = listing.add_run_of(ordinal); !added) {
      return std::unexpected(std::move(added).error());
    }
  }
  return listing.take();
}

}  // namespace eventstore::log
