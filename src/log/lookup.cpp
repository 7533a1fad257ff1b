#include "log/lookup.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <ranges>
#include <set>
#include <utility>

#include "log/bounds_lookup.hpp"
#include "log/damage.hpp"
#include "log/log_reader.hpp"
#include "log/stream_search.hpp"

namespace eventstore::log {
namespace {

// The index of a run that is known to hold all its events.
Result<const RunIndex*> whole_index(const Run& run) {
  if (run.damage != nullptr) return std::unexpected(error_of(run.damage->front()));
  return run.index.get();
}

// The posting of the first event of a stream that is no husk.
Result<Posting> first_live(const Snapshot& snapshot, const Run& run, const KeyEntry& entry) {
  Posting from = 0;
  const auto live = entry.last_version.value + 1 - entry.first_version.value;
  if (entry.postings > live) {
    LogReader reader(snapshot.layout);
    const auto is_live = [](const StoredEvent& event) { return !event.is_husk(); };
    const auto found =
        search_stream(reader, run, entry, std::numeric_limits<Posting>::max(), is_live);
    if (!found) return found;
    from = *found;
  }
  Posting first = 0;
  const auto count = run.index->fetch(entry, from, Direction::Forwards, {&first, 1});
  if (!count) return std::unexpected(count.error());
  return first;
}

// Adds what run `ordinal` knows of a stream to `info`. Runs must come in ascending order.
Result<void> add_run(const Snapshot& snapshot, std::size_t ordinal, const KeyEntry& entry,
                     StreamInfo& info) {
  const auto& run = *snapshot.runs()[ordinal];
  const auto last = last_visible(snapshot, ordinal, entry);
  if (!last) return std::unexpected(last.error());
  if (!*last) return {};
  if (info.events == 0 && entry.first_version <= entry.last_version) {
    const auto first = first_live(snapshot, run, entry);
    if (!first) return std::unexpected(first.error());
    info.first_version = entry.first_version;
    info.first_position = run.position_of(*first);
  }
  info.last_position = run.position_of(**last);

  // The newest run may be indexed beyond the head; the others are visible as a whole.
  auto last_version = entry.last_version;
  if (ordinal + 1 == snapshot.runs().size()) {
    LogReader reader(snapshot.layout);
    const auto event = reader.read(run, **last);
    if (!event) return std::unexpected(event.error());
    if (*event) last_version = (*event)->event.view.version;
  }
  info.events += last_version.value + 1 - entry.first_version.value;
  info.version = last_version;
  return {};
}

// What run `ordinal` alone shows of a stream; of version 0 where that is nothing.
Result<StreamInfo> part_of_stream(const Snapshot& snapshot, std::size_t ordinal, const Key& key) {
  StreamInfo part;
  const auto entry = snapshot.runs()[ordinal]->index->find(key);
  if (!entry) return std::unexpected(entry.error());
  if (!*entry) return part;
  auto added = add_run(snapshot, ordinal, **entry, part);
  return added ? Result<StreamInfo>(std::move(part)) : std::unexpected(std::move(added).error());
}

// The stream as it would be if nothing of it were hidden; of version 0 where there is none. No
// version is missing from the first that is left to the last: the ends tell, and the runs between
// them need not be asked.
Result<StreamInfo> stored_stream(const Snapshot& snapshot, std::string_view stream,
                                 std::uint64_t secret) {
  const auto key = stream_key(stream, secret);
  const auto& runs = snapshot.runs();
  for (const auto& run : runs) {
    if (const auto whole = whole_index(*run); !whole) return std::unexpected(whole.error());
    run->index->prefetch(key.hash);
  }
  StreamInfo info;
  auto newest = runs.size();
  while (newest > 0 && info.version.value == 0) {
    auto end = part_of_stream(snapshot, --newest, key);
    if (!end) return end;
    info = *std::move(end);
  }
  info.stream = stream;
  for (std::size_t ordinal = 0; ordinal < newest; ++ordinal) {
    const auto begin = part_of_stream(snapshot, ordinal, key);
    if (!begin) return begin;
    if (begin->events == 0) continue;
    info.first_version = begin->first_version;
    info.first_position = begin->first_position;
    info.events = info.version.value + 1 - info.first_version.value;
    break;
  }
  if (info.events == 0) info.first_version = {info.version.value + 1};
  return info;
}

// Takes out of `info` what is not to be read.
Result<void> hide(const Snapshot& snapshot, const StreamBounds& bounds, std::uint64_t secret,
                  Timestamp wall, StreamInfo& info) {
  if (bounds.empty()) return {};
  info.state = bounds.state(info.version);
  const auto readable = first_readable(snapshot, info.stream, bounds, secret, wall);
  if (!readable) return std::unexpected(readable.error());
  if (*readable <= info.first_version) return {};
  info.first_version = std::min(*readable, StreamVersion{info.version.value + 1});
  info.events = info.version.value + 1 - info.first_version.value;
  info.first_position = {};
  if (info.events == 0) return {};
  const auto first = first_reached(
      snapshot, stream_key(info.stream, secret),
      [&](const StoredEvent& event) { return event.view.version >= info.first_version; });
  if (!first) return std::unexpected(first.error());
  info.first_position = *first ? (*first)->position : info.last_position;
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
                                              std::uint64_t secret, Timestamp wall) {
  auto info = stored_stream(snapshot, stream, secret);
  if (!info) return std::unexpected(std::move(info).error());
  if (info->version.value == 0) return std::nullopt;
  const auto bounds = bounds_of(snapshot, stream, secret);
  if (!bounds) return std::unexpected(bounds.error());
  if (auto hidden = hide(snapshot, *bounds, secret, wall, *info); !hidden) {
    return std::unexpected(std::move(hidden).error());
  }
  return *std::move(info);
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
  StreamListing(const Snapshot& snapshot, const ListStreamsRequest& request, std::uint64_t secret,
                Timestamp wall)
      : snapshot_(snapshot),
        request_(request),
        secret_(secret),
        wall_(wall),
        has_bounds_(has_bounds(snapshot.runs())) {}

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
      auto& stream = streams.back();
      if (stream.events == 0) stream.first_version = {stream.version.value + 1};
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

  // False: it is not to be listed, or all of its events in the run are beyond the head.
  Result<bool> add(std::size_t ordinal, std::string_view name, const KeyEntry& entry) {
    const auto bounds = has_bounds_ ? bounds_of(snapshot_, name, secret_) : StreamBounds{};
    if (!bounds) return std::unexpected(bounds.error());
    if (!bounds->empty()) return add_bounded(name);
    const auto at = found_.find(name);
    StreamInfo info = at == found_.end() ? StreamInfo{.stream = std::string(name)} : at->second;
    if (auto added = add_run(snapshot_, ordinal, entry, info); !added) {
      return std::unexpected(std::move(added).error());
    }
    if (info.version.value == 0) return false;
    found_.insert_or_assign(info.stream, std::move(info));
    return true;
  }

  // What is hidden of a stream takes a look at all of it.
  Result<bool> add_bounded(std::string_view name) {
    if (found_.contains(name)) return true;
    auto info = stream_info(snapshot_, name, secret_, wall_);
    if (!info) return std::unexpected(std::move(info).error());
    if (!*info) return false;
    if ((*info)->state != StreamState::Live && !request_.include_deleted) return false;
    found_.emplace(name, **std::move(info));
    return true;
  }

  const Snapshot& snapshot_;
  const ListStreamsRequest& request_;
  const std::uint64_t secret_;
  const Timestamp wall_;
  const bool has_bounds_;
  std::map<std::string, StreamInfo, std::less<>> found_;
};

}  // namespace

Result<std::vector<StreamInfo>> list_streams(const Snapshot& snapshot,
                                             const ListStreamsRequest& request,
                                             std::uint64_t secret, Timestamp wall) {
  StreamListing listing(snapshot, request, secret, wall);
  if (request.limit == 0) return listing.take();
  for (std::size_t ordinal = 0; ordinal < snapshot.runs().size(); ++ordinal) {
    if (auto added = listing.add_run_of(ordinal); !added) {
      return std::unexpected(std::move(added).error());
    }
  }
  return listing.take();
}

Result<HiddenCounts> count_hidden(const Snapshot& snapshot, std::uint64_t secret) {
  std::set<std::string, std::less<>> streams;
  for (const auto& run : snapshot.runs()) {
    if (!run->index->has_bounds()) continue;
    auto listed = run->index->list_keys(KeyKind::Bounds, "", "", [&](auto stream, auto&) {
      streams.emplace(stream);
      return true;
    });
    if (!listed) return std::unexpected(std::move(listed).error());
  }
  HiddenCounts counts;
  for (const auto& stream : streams) {
    const auto bounds = bounds_of(snapshot, stream, secret);
    if (!bounds) return std::unexpected(bounds.error());
    const auto info = stored_stream(snapshot, stream, secret);
    if (!info) return std::unexpected(info.error());
    const StreamVersion next{info->version.value + 1};
    const auto first = std::min(bounds->first_kept(), next);
    if (first > info->first_version) counts.events += first.value - info->first_version.value;
    if (bounds->state(info->version) != StreamState::Live) ++counts.streams;
  }
  return counts;
}

}  // namespace eventstore::log
