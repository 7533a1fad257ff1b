#include "log/append_group.hpp"

#include <algorithm>
#include <utility>

#include "core/append_errors.hpp"
#include "core/campaign_hooks.hpp"
#include "core/stream_outcomes.hpp"
#include "log/lookup.hpp"
#include "log/posting_iterator.hpp"

namespace eventstore::log {

AppendGroup::AppendGroup(LogTail& tail, Timestamp now)
    : tail_(tail),
      first_position_(tail.next_position()),
      durable_{.head = {first_position_.value - 1}, .layout = tail.layout()},
      bounds_(tail, durable_, now, [this](std::string_view stream) { return version_of(stream); }) {
}

Result<AppendResult> AppendGroup::decide(PreparedAppend& append) {
  auto repetition = find_repetition(append);
  if (!repetition) return std::unexpected(std::move(repetition).error());
  if (*repetition) return **std::move(repetition);
  if (auto alive = bounds_.refuse_tombstoned(append); !alive) {
    return std::unexpected(std::move(alive).error());
  }
  if (auto checked = check_versions(append); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  if (append.condition()) {
    if (auto checked = check_condition(*append.condition()); !checked) {
      return std::unexpected(std::move(checked).error());
    }
  }
  if (auto checked = bounds_.check(append); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  return place(append);
}

// The same ids in the same streams, all of them and in the same order, are a repetition.
Result<std::optional<AppendResult>> AppendGroup::find_repetition(const PreparedAppend& append) {
  AppendResult result{.repeated = true};
  StreamOutcomes streams;
  const PreparedAppend::Event* found = nullptr;
  const PreparedAppend::Event* missing = nullptr;
  for (const auto& event : append.events()) {
    std::optional<EventLocation> at;
    if (event.given_id) {
      auto located = locate(event);
      if (!located) return std::unexpected(std::move(located).error());
      at = *located;
    }
    if (!at) {
      missing = &event;
    } else {
      if (found == nullptr) {
        result.first_position = at->position;
      } else if (at->position <= result.last_position) {
        return std::unexpected(id_conflict(event.stream, event.id, at->position));
      }
      found = &event;
      result.last_position = at->position;
      streams.set(event.stream, at->version);
    }
    if (found != nullptr && missing != nullptr) {
      return std::unexpected(id_conflict(found->stream, found->id, result.last_position));
    }
  }
  if (found == nullptr) return std::nullopt;
  note(Mark::RepeatedAppend);
  result.streams = streams.take();
  return result;
}

Result<std::optional<EventLocation>> AppendGroup::locate(const PreparedAppend::Event& event) {
  const auto version = version_of(event.stream);
  if (!version) return std::unexpected(version.error());
  if (version->value == 0) return std::nullopt;

  // Accepted events are in the index already, but not yet in the file.
  const auto postings = tail_.index().find_id(event.id_hash);
  if (!postings) return std::unexpected(postings.error());
  for (const auto posting : *postings) {
    const auto position = durable_.runs().back()->position_of(posting);
    if (position < first_position_) continue;
    const auto& accepted = events_[position.value - first_position_.value];
    if (accepted.id == event.id && accepted.stream == event.stream) {
      return EventLocation{.position = position, .version = accepted.version};
    }
  }
  // The newest run was asked already.
  if (postings->empty() && durable_.runs().size() == 1) return std::nullopt;
  return find_event(durable_, event.stream, event.id, event.id_hash);
}

Result<void> AppendGroup::check_versions(const PreparedAppend& append) {
  for (const auto& check : append.checks()) {
    const auto actual = version_of(check.stream);
    if (!actual) return std::unexpected(actual.error());
    const auto bounds = bounds_.of(check.stream);
    if (!bounds) return std::unexpected(bounds.error());
    if (check.expected.kind() == ExpectedVersion::Kind::Any) continue;
    if (bounds->is_tombstoned()) return std::unexpected(stream_deleted(check.stream));
    if (!holds_for(check.expected, *actual, bounds->truncate_before)) {
      const bool is_deleted = bounds->state(*actual) == StreamState::Deleted;
      return std::unexpected(version_conflict(check, *actual, is_deleted));
    }
  }
  return {};
}

Result<void> AppendGroup::check_condition(const AppendCondition& condition) {
  const GlobalPosition head{first_position_.value + events_.size() - 1};
  if (condition.after > head) return std::unexpected(condition_beyond_head(condition, head));
  const GlobalPosition from{condition.after.value + 1};
  const auto& runs = durable_.runs();
  for (auto ordinal = durable_.run_of(from); ordinal < runs.size(); ++ordinal) {
    const auto match = first_match(condition.query, ordinal, from);
    if (!match) return std::unexpected(match.error());
    if (*match) return std::unexpected(condition_failed(condition, **match));
  }
  return {};
}

Result<std::optional<GlobalPosition>> AppendGroup::first_match(const Query& query,
                                                               std::size_t ordinal,
                                                               GlobalPosition from) {
  const auto& runs = durable_.runs();
  const auto& run = *runs[ordinal];
  const auto end = ordinal + 1 == runs.size()
                       ? GlobalPosition{first_position_.value + events_.size()}
                       : runs[ordinal + 1]->first_position;
  if (end <= std::max(from, run.first_position)) return std::nullopt;
  const auto last = run.posting_of({end.value - 1});
  auto matches = iterate_query(*run.index, query, tail_.secret(), last, Direction::Forwards);
  if (!matches) return std::unexpected(std::move(matches).error());
  auto at = from > run.first_position ? run.posting_of(from) : Posting{0};
  LogReader reader(durable_.layout);
  for (;; ++at) {
    const auto posting = (*matches)->seek(at);
    if (!posting) return std::unexpected(posting.error());
    if (!*posting) return std::nullopt;
    at = **posting;
    const auto found = is_match(query, reader, run, at);
    if (!found) return std::unexpected(found.error());
    if (*found) return run.position_of(at);
  }
}

// What is deleted matches no condition; nor do holes.
Result<bool> AppendGroup::is_match(const Query& query, LogReader& reader, const Run& run,
                                   Posting posting) {
  const auto position = run.position_of(posting);
  if (position >= first_position_) {
    const auto& accepted = events_[position.value - first_position_.value];
    EventView view;
    view.stream = accepted.stream;
    view.type = accepted.type;
    view.tags = accepted.tags;
    return query.matches(view) ? is_kept(accepted.stream, accepted.version) : false;
  }
  const auto found = reader.read(run, posting);
  if (!found) return std::unexpected(found.error());
  if (!*found || (*found)->event.is_husk()) return false;
  const auto& view = (*found)->event.view;
  return query.matches(view) ? is_kept(view.stream, view.version) : false;
}

Result<bool> AppendGroup::is_kept(std::string_view stream, StreamVersion version) {
  const auto bounds = bounds_.of(stream);
  if (!bounds) return std::unexpected(bounds.error());
  return version >= bounds->first_kept();
}

Result<StreamVersion> AppendGroup::version_of(std::string_view stream) {
  if (const auto known = versions_.find(stream); known != versions_.end()) return known->second;
  const auto version =
      latest_version(durable_.runs(), {.kind = KeyKind::Stream,
                                       .text = stream,
                                       .hash = hash_key(KeyKind::Stream, stream, tail_.secret())});
  if (version) versions_.emplace(stream, *version);
  return version;
}

Result<AppendResult> AppendGroup::place(PreparedAppend& append) {
  const GlobalPosition next{first_position_.value + events_.size()};
  AppendResult result{.first_position = next, .last_position = next};
  if (append.events().empty()) {
    result.first_position = result.last_position = {next.value - 1};
    return result;
  }
  // All that can fail comes first: once the first event is placed the rest follows.
  for (const auto& event : append.events()) {
    if (auto version = version_of(event.stream); !version) {
      return std::unexpected(std::move(version).error());
    }
  }
  StreamOutcomes streams;
  const auto seed = tail_.active().seed();
  MemoryIndex::Batch batch(tail_.index());
  for (const auto& event : append.events()) {
    auto& version = versions_.find(event.stream)->second;
    ++version.value;
    const auto in_frame = kFrameHeaderBytes + body_bytes_;
    checksum_.add(place_event(append.bytes_of(event),
                              {.frame_distance = static_cast<std::uint32_t>(in_frame / 8),
                               .position_delta = static_cast<std::uint32_t>(events_.size()),
                               .version = version},
                              seed));
    batch.add({.stream = event.stream,
               .type = event.type,
               .tags = event.tags,
               .version = version,
               .id_hash = event.id_hash,
               .offset = tail_.next_offset() + in_frame,
               .bounds_of = event.bounds_of});
    result.last_position = {first_position_.value + events_.size()};
    events_.push_back({.stream = event.stream,
                       .type = event.type,
                       .tags = event.tags,
                       .id = event.id,
                       .version = version});
    streams.set(event.stream, version);
    body_bytes_ += event.length;
  }
  bodies_.emplace_back(append.bytes());
  bounds_.accept();
  result.streams = streams.take();
  return result;
}

FrameHeader AppendGroup::frame(Timestamp recorded_at) const {
  return {.event_count = static_cast<std::uint32_t>(events_.size()),
          .body_bytes = body_bytes_,
          .first_position = first_position_,
          .next_position = {first_position_.value + events_.size()},
          .recorded_at = recorded_at,
          .body_checksum = checksum_.finish(tail_.active().seed())};
}

void AppendGroup::withdraw() {
  tail_.index().roll_back(durable_.runs().back()->posting_of(first_position_));
}

}  // namespace eventstore::log
