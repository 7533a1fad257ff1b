#include "log/stream_search.hpp"

#include <utility>

namespace eventstore::log {
namespace {

// What a run shows of a stream.
struct StreamPart {
  const Run& run;
  KeyEntry entry;
  Posting end;  // behind the last posting that is visible
};

// Absent: nothing.
Result<std::optional<StreamPart>> shown_of(const Snapshot& snapshot, std::size_t ordinal,
                                           const Key& stream) {
  const auto& run = *snapshot.runs()[ordinal];
  const auto last = snapshot.last_position_of_run(ordinal);
  if (last < run.first_position) return std::nullopt;
  const auto entry = run.index->find(stream);
  if (!entry) return std::unexpected(entry.error());
  if (!*entry) return std::nullopt;
  return StreamPart{.run = run, .entry = **entry, .end = run.posting_of(last) + 1};
}

// The first event of the part from `posting` on; absent where there is none.
Result<std::optional<LocatedEvent>> event_from(LogReader& reader, const StreamPart& part,
                                               Posting from) {
  Posting posting = 0;
  const auto count = part.run.index->fetch(part.entry, from, Direction::Forwards, {&posting, 1});
  if (!count) return std::unexpected(count.error());
  if (*count == 0 || posting >= part.end) return std::nullopt;
  return reader.read(part.run, posting);
}

}  // namespace

Key stream_key(std::string_view stream, std::uint64_t secret) {
  return {
      .kind = KeyKind::Stream, .text = stream, .hash = hash_key(KeyKind::Stream, stream, secret)};
}

Result<Posting> search_stream(LogReader& reader, const Run& run, const KeyEntry& entry, Posting end,
                              const std::function<bool(const StoredEvent&)>& reached) {
  Posting low = 0;
  Posting high = end;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    Posting posting = 0;
    const auto count = run.index->fetch(entry, middle, Direction::Forwards, {&posting, 1});
    if (!count) return std::unexpected(count.error());
    if (*count == 0 || posting >= high) {
      high = middle;
      continue;
    }
    const auto event = reader.read(run, posting);
    if (!event) return std::unexpected(event.error());
    if (*event && !reached((*event)->event)) {
      low = posting + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

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

Result<StreamVersion> visible_version(const Snapshot& snapshot, const Key& stream) {
  LogReader reader(snapshot.layout);
  for (auto ordinal = snapshot.runs().size(); ordinal-- > 0;) {
    auto part = shown_of(snapshot, ordinal, stream);
    if (!part) return std::unexpected(std::move(part).error());
    if (!*part) continue;
    const auto last = last_visible(snapshot, ordinal, (*part)->entry);
    if (!last) return std::unexpected(last.error());
    if (!*last) continue;
    const auto event = reader.read((*part)->run, **last);
    if (!event) return std::unexpected(event.error());
    if (*event) return (*event)->event.view.version;
  }
  return StreamVersion{};
}

Result<std::optional<StreamPlace>> first_reached(
    const Snapshot& snapshot, const Key& stream,
    const std::function<bool(const StoredEvent&)>& reached) {
  std::optional<StreamPlace> found;
  LogReader reader(snapshot.layout);
  for (auto ordinal = snapshot.runs().size(); ordinal-- > 0;) {
    const auto part = shown_of(snapshot, ordinal, stream);
    if (!part) return std::unexpected(part.error());
    if (!*part) continue;
    const auto posting = search_stream(reader, (*part)->run, (*part)->entry, (*part)->end, reached);
    if (!posting) return std::unexpected(posting.error());
    const auto event = event_from(reader, **part, *posting);
    if (!event) return std::unexpected(event.error());
    if (*event) {
      const auto& view = (*event)->event.view;
      found = StreamPlace{.version = view.version, .position = view.position};
    }
    if (*posting > 0) break;  // what comes before it is not reached, here and in runs before
  }
  return found;
}

}  // namespace eventstore::log
