#include "log/run_events.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "log/damage.hpp"
#include "log/events_up_to_damage.hpp"
#include "log/posting_iterator.hpp"
#include "log/stream_search.hpp"

namespace eventstore::log {
namespace {

// Walks the frames of a run forwards, without an index but for finding the place to start.
class ScannedEvents final : public RunEvents {
 public:
  ScannedEvents(LogReader& reader, const Run& run, GlobalPosition first, GlobalPosition last)
      : reader_(reader), run_(run), first_(first), last_(last) {}

  Result<bool> next(LocatedEvent& event) override {
    if (!started_) {
      if (auto started = start(); !started) return std::unexpected(std::move(started).error());
      started_ = true;
    }
    for (;;) {
      if (next_position_ > last_) return false;
      if (offset_ < frame_end_) {
        auto read = segment_->read_in_frame(offset_, frame_, frame_offset_, event);
        if (!read) return std::unexpected(std::move(read).error());
        offset_ += event.event.length;
        const auto position = event.event.view.position;
        next_position_ = {position.value + 1};
        if (position < first_) continue;
        return position <= last_;
      }
      if (auto begun = begin_frame(frame_end_); !begun) {
        return std::unexpected(std::move(begun).error());
      }
    }
  }

 private:
  // Most runs begin with a segment; the others where an event tells, so long as it is no hole.
  Result<void> start() {
    if (auto entered = enter_segment_of(first_); !entered) return entered;
    if (segment_->segment().first_position() == first_) {
      follows_ = first_;
      return begin_frame(kSegmentHeaderBytes);
    }
    for (auto position = first_; position <= last_; ++position.value) {
      const auto event = reader_.read(run_, run_.posting_of(position));
      if (!event) return std::unexpected(event.error());
      if (!*event) continue;
      if (auto entered = enter_segment_of(position); !entered) return entered;
      const auto offset = (*event)->offset;
      const auto distance = std::uint64_t{(*event)->event.frame_distance} * 8;
      if (auto begun = begin_frame(offset - distance); !begun) return begun;
      offset_ = offset;
      return {};
    }
    next_position_ = {last_.value + 1};
    return {};
  }

  Result<void> enter_segment_of(GlobalPosition position) {
    const auto segment = reader_.segment_of(position);
    if (!segment) return std::unexpected(segment.error());
    segment_ = *segment;
    return {};
  }

  Result<void> begin_frame(std::uint64_t offset) {
    const auto frame = segment_->frame_at(offset);
    if (!frame) return std::unexpected(frame.error());
    // A whole frame may stand in the place of another one, where a write went astray.
    if (follows_ && frame->first_position != *follows_) {
      return std::unexpected(corruption({.file = segment_->segment().path(),
                                         .offset = offset,
                                         .first_position = *follows_,
                                         .last_position = std::max(*follows_, last_)},
                                        "the frame's positions do not follow those before"));
    }
    frame_ = *frame;
    follows_ = frame_.next_position;
    frame_offset_ = offset;
    offset_ = offset + kFrameHeaderBytes;
    frame_end_ = offset + frame_.frame_bytes();
    next_position_ = frame_.first_position;
    if ((frame_.flags & kSealFrame) == 0) return {};
    // The segment ends. What is in the next one goes on.
    next_position_ = frame_.next_position;
    if (next_position_ > last_) return {};
    if (auto entered = enter_segment_of(next_position_); !entered) return entered;
    if (segment_->segment().first_position() != next_position_) {
      next_position_ = {last_.value + 1};
      return {};
    }
    frame_end_ = kSegmentHeaderBytes;
    offset_ = frame_end_;
    return {};
  }

  LogReader& reader_;
  const Run& run_;
  const GlobalPosition first_;
  const GlobalPosition last_;
  bool started_ = false;
  SegmentReader* segment_ = nullptr;
  std::uint64_t offset_ = 0;  // of the next event
  std::uint64_t frame_offset_ = 0;
  std::uint64_t frame_end_ = 0;
  FrameHeader frame_;
  std::optional<GlobalPosition> follows_;  // where the next frame must begin; absent: anywhere
  GlobalPosition next_position_;
};

struct PostingRange {
  Posting first = 0;
  Posting last = 0;
};

// Reads the events that an index names.
class IndexedEvents final : public RunEvents {
 public:
  IndexedEvents(LogReader& reader, const Run& run, std::unique_ptr<PostingIterator> postings,
                const ReadRequest& request, PostingRange range)
      : reader_(reader),
        run_(run),
        postings_(std::move(postings)),
        direction_(request.direction),
        last_(direction_ == Direction::Forwards ? range.last : range.first),
        at_(direction_ == Direction::Forwards ? range.first : range.last),
        ahead_(std::clamp<std::uint64_t>(request.limit.value_or(kAheadMax), 1, kAheadMax)) {}

  Result<bool> next(LocatedEvent& event) override {
    for (;;) {
      if (taken_ == located_) {
        if (ended_) return false;
        if (auto located = locate_more(); !located) {
          return std::unexpected(std::move(located).error());
        }
        continue;
      }
      const auto& place = places_[taken_++];
      if (place.offset == 0) continue;
      auto read = reader_.read_at(place, event);
      if (!read) return std::unexpected(std::move(read).error());
      return true;
    }
  }

 private:
  // Events of one stream or query lie far apart. The memory of many of them is asked for before the
  // first is read: waiting for one after the other would be most of what the read costs.
  static constexpr std::size_t kAheadMax = 32;

  Result<void> locate_more() {
    std::array<Posting, kAheadMax> postings{};
    taken_ = 0;
    located_ = 0;
    while (!ended_ && located_ < ahead_) {
      const auto posting = postings_->seek(at_);
      if (!posting) return std::unexpected(posting.error());
      if (!*posting || is_beyond(**posting)) {
        ended_ = true;
        break;
      }
      step_from(**posting);
      postings[located_++] = **posting;
    }
    return reader_.locate(run_, std::span(postings).first(located_), places_);
  }

  bool is_beyond(Posting posting) const {
    return direction_ == Direction::Forwards ? posting > last_ : posting < last_;
  }
  void step_from(Posting posting) {
    if (posting == last_) {
      ended_ = true;
    } else {
      at_ = direction_ == Direction::Forwards ? posting + 1 : posting - 1;
    }
  }

  LogReader& reader_;
  const Run& run_;
  std::unique_ptr<PostingIterator> postings_;
  const Direction direction_;
  const Posting last_;  // in reading direction
  Posting at_;
  bool ended_ = false;
  const std::size_t ahead_;
  std::array<LogReader::Place, kAheadMax> places_{};
  std::size_t located_ = 0;
  std::size_t taken_ = 0;
};

// The smallest posting from which on the stream's versions are at least `version`; `end` if none
// is.
Result<Posting> find_version(LogReader& reader, const Run& run, const KeyEntry& entry,
                             StreamVersion version, Posting end) {
  return search_stream(reader, run, entry, end,
                       [&](const StoredEvent& event) { return event.view.version >= version; });
}

// The postings of a stream whose versions are within the bounds. Absent: none are.
Result<std::optional<PostingRange>> version_range(LogReader& reader, const Run& run,
                                                  const KeyEntry& entry, const ReadBounds& bounds,
                                                  Posting last) {
  if (entry.first_version > bounds.last_version || entry.last_version < bounds.first_version) {
    return std::nullopt;
  }
  PostingRange range{.first = 0, .last = last};
  if (entry.first_version < bounds.first_version) {
    const auto first = find_version(reader, run, entry, bounds.first_version, last + 1);
    if (!first) return std::unexpected(first.error());
    range.first = *first;
  }
  if (entry.last_version > bounds.last_version) {
    const auto end =
        find_version(reader, run, entry, StreamVersion{bounds.last_version.value + 1}, last + 1);
    if (!end) return std::unexpected(end.error());
    if (*end == 0) return std::nullopt;
    range.last = *end - 1;
  }
  if (range.first > range.last) return std::nullopt;
  return range;
}

Key key_of(KeyKind kind, std::string_view text, std::uint64_t secret) {
  return {.kind = kind, .text = text, .hash = hash_key(kind, text, secret)};
}

// What one selector and the type filter make of one run.
class Selection {
 public:
  // `stream` is what the index knows of the stream that is selected, if one is.
  Selection(const RunIndex& index, const ReadRequest& request, std::uint64_t secret, Posting last,
            const std::optional<KeyEntry>& stream)
      : index_(index), request_(request), secret_(secret), last_(last), stream_(stream) {}

  // Null: nothing matches.
  Result<std::unique_ptr<PostingIterator>> postings() {
    auto selected = by_selector();
    if (!selected || *selected == nullptr || request_.types.empty()) return selected;
    auto types = by_types();
    if (!types) return types;
    if (std::holds_alternative<SelectAll>(request_.selector)) return types;
    std::vector<std::unique_ptr<PostingIterator>> both;
    both.push_back(*std::move(selected));
    both.push_back(*std::move(types));
    return intersect(std::move(both), request_.direction);
  }

 private:
  Result<std::unique_ptr<PostingIterator>> by_selector() {
    if (stream_) return iterate_list(index_, *stream_, request_.direction);
    if (const auto* category = std::get_if<SelectCategory>(&request_.selector)) {
      return list(KeyKind::Category, category->category);
    }
    if (const auto* query = std::get_if<Query>(&request_.selector)) {
      return iterate_query(index_, *query, secret_, last_, request_.direction);
    }
    return iterate_range(last_, request_.direction);
  }

  Result<std::unique_ptr<PostingIterator>> by_types() {
    std::vector<std::unique_ptr<PostingIterator>> lists;
    for (const auto& type : request_.types) {
      auto postings = list(KeyKind::Type, type);
      if (!postings) return postings;
      if (*postings != nullptr) lists.push_back(*std::move(postings));
    }
    return unite(std::move(lists), request_.direction);
  }

  Result<std::unique_ptr<PostingIterator>> list(KeyKind kind, std::string_view text) {
    const auto entry = index_.find(key_of(kind, text, secret_));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return nullptr;
    return iterate_list(index_, **entry, request_.direction);
  }

  const RunIndex& index_;
  const ReadRequest& request_;
  const std::uint64_t secret_;
  const Posting last_;
  const std::optional<KeyEntry> stream_;
};

// `range` is what the bounds leave of the run; the versions of a stream may narrow it.
Result<std::unique_ptr<RunEvents>> select_intact(LogReader& reader, const Run& run,
                                                 const ReadRequest& request,
                                                 const ReadBounds& bounds, std::uint64_t secret,
                                                 PostingRange& range) {
  if (std::holds_alternative<SelectAll>(request.selector) && request.types.empty() &&
      request.direction == Direction::Forwards) {
    return std::make_unique<ScannedEvents>(reader, run, run.position_of(range.first),
                                           run.position_of(range.last));
  }
  std::optional<KeyEntry> stream;
  if (const auto* selected = std::get_if<SelectStream>(&request.selector)) {
    const auto entry = run.index->find(key_of(KeyKind::Stream, selected->stream, secret));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return nullptr;
    const auto versions = version_range(reader, run, **entry, bounds, range.last);
    if (!versions) return std::unexpected(versions.error());
    if (!*versions) return nullptr;
    range = **versions;
    stream = **entry;
  }
  auto postings = Selection(*run.index, request, secret, range.last, stream).postings();
  if (!postings) return std::unexpected(std::move(postings).error());
  if (*postings == nullptr) return nullptr;
  return std::make_unique<IndexedEvents>(reader, run, *std::move(postings), request, range);
}

}  // namespace

Result<std::unique_ptr<RunEvents>> select_events(LogReader& reader, const Run& run,
                                                 const ReadRequest& request,
                                                 const ReadBounds& bounds, Posting last,
                                                 std::uint64_t secret) {
  PostingRange range{.first = 0, .last = last};
  if (bounds.first_position > run.first_position) {
    range.first = run.posting_of(bounds.first_position);
  }
  if (bounds.last_position < run.position_of(last)) {
    range.last = run.posting_of(bounds.last_position);
  }
  auto events = select_intact(reader, run, request, bounds, secret, range);
  if (!events || run.damage == nullptr) return events;
  std::optional<VersionRange> versions;
  if (std::holds_alternative<SelectStream>(request.selector) && request.types.empty()) {
    versions = {bounds.first_version, bounds.last_version};
  }
  return std::make_unique<EventsUpToDamage>(*std::move(events), run.damage, request.direction,
                                            run.position_of(range.first),
                                            run.position_of(range.last), versions);
}

}  // namespace eventstore::log
