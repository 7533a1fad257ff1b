#include "postgres/stream_lookup.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "core/time_range.hpp"
#include "postgres/first_since.hpp"
#include "postgres/sql_builder.hpp"

namespace eventstore::postgres {
namespace {

// Keys and bounds of streams at a head, by the ordinals of their names.
constexpr const char* kStreams =
    "SELECT n.ordinal - 1, s.stream_id, s.month, b.truncate_before, b.max_count, b.max_age, "
    "b.tombstone"
    " FROM unnest($1::text[]) WITH ORDINALITY n(name, ordinal)"
    " JOIN {s}.streams s ON s.name = n.name"
    " LEFT JOIN LATERAL (SELECT * FROM {s}.bounds b WHERE b.stream_id = s.stream_id"
    " AND b.position <= $2::bigint ORDER BY position DESC LIMIT 1) b ON true";

constexpr const char* kParts =
    "SELECT n.ordinal - 1, m.month, m.first_version"
    " FROM unnest($1::text[]) WITH ORDINALITY n(name, ordinal)"
    " JOIN {s}.streams s ON s.name = n.name JOIN {s}.stream_months m ON m.stream_id = s.stream_id"
    " ORDER BY 1, 2";

// The last event of streams in one month, whose first one is given, up to a head. The default
// tables may have older ones of other months.
constexpr const char* kLast =
    "SELECT n.ordinal - 1, e.version, e.position FROM unnest($1::bigint[]) WITH ORDINALITY"
    " n(id, ordinal) JOIN LATERAL (SELECT version, position FROM {s}.events_{m} e"
    " WHERE e.stream_id = n.id AND e.position <= $2::bigint ORDER BY version DESC LIMIT 1) e ON"
    " e.position >= $3::bigint";

constexpr const char* kPositions =
    "SELECT n.ordinal - 1, e.position FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY"
    " n(id, version, ordinal)"
    " JOIN {s}.events_{m} e ON e.stream_id = n.id AND e.version = n.version";

// The same of events of which nothing but their ids is here: their month is detached.
constexpr const char* kPositionsById =
    "SELECT n.ordinal - 1, i.position FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY"
    " n(id, version, ordinal)"
    " JOIN {s}.event_ids i ON i.stream_id = n.id AND i.version = n.version";

constexpr const char* kNames =
    "SELECT name FROM {s}.streams WHERE name > $1::text AND name >= $2::text"
    " AND starts_with(name, $2::text) AND ($3::text IS NULL OR split_part(name, '-', 1) = $3::text)"
    " AND ($4::boolean OR NOT starts_with(name, '$')) ORDER BY name LIMIT $5::bigint";

// Names of streams that are looked at together.
constexpr std::uint64_t kNamesMax = 1000;

}  // namespace

StreamBounds bounds_in(const Rows& rows, int row, int first) {
  StreamBounds bounds{.truncate_before = {rows.int8(row, first)},
                      .tombstone = {rows.int8(row, first + 3)}};
  if (!rows.is_null(row, first + 1)) bounds.retention.max_count = rows.int8(row, first + 1);
  if (!rows.is_null(row, first + 2)) {
    const auto seconds = static_cast<std::int64_t>(rows.int8(row, first + 2));
    bounds.retention.max_age = std::chrono::seconds(seconds);
  }
  return bounds;
}

Answer<std::vector<SeenStream>> StreamLookup::streams(std::span<const std::string_view> names) {
  const auto by_name = fill_in(kStreams, settings_.schema);
  const auto months = fill_in(kParts, settings_.schema);
  const std::array calls = {
      Call{.sql = by_name, .parameters = Parameters().text_array(names).int8(seen_.head.value)},
      Call{.sql = months, .parameters = Parameters().text_array(names)}};
  const auto rows = connection_.run(calls, deadline_);
  if (!rows) return std::unexpected(rows.error());
  std::vector<SeenStream> found(names.size());
  const auto& known = rows->front();
  for (int row = 0; row < known.size(); ++row) {
    auto& stream = found[known.int8(row, 0)];
    stream.id = static_cast<StreamId>(known.int8(row, 1));
    const Month month{known.int4(row, 2)};
    if (month != Month{}) stream.parts.push_back({.month = month, .first_version = {1}});
    stream.bounds = bounds_in(known, row, 3);
  }
  const auto& later = (*rows)[1];
  for (int row = 0; row < later.size(); ++row) {
    auto& stream = found[later.int8(row, 0)];
    // A row that came behind the statement before belongs to a stream that it has not seen.
    if (stream.id == 0) continue;
    stream.parts.push_back({.month = {later.int4(row, 1)}, .first_version = {later.int8(row, 2)}});
  }
  if (auto added = add_last(found); !added) return std::unexpected(std::move(added).error());
  return found;
}

// Looks for the last event of each stream in its last month; where that lies behind the head, in
// the one before.
Answer<void> StreamLookup::add_last(std::span<SeenStream> streams) {
  for (;;) {
    std::map<Month, std::vector<SeenStream*>> open;
    for (auto& stream : streams) {
      if (!stream.parts.empty() && stream.version.value == 0)
        open[stream.parts.back().month].push_back(&stream);
    }
    if (open.empty()) return {};
    for (const auto& [month, of_month] : open) {
      if (auto added = add_last(month, of_month); !added) return added;
    }
  }
}

Answer<void> StreamLookup::add_last(Month month, std::span<SeenStream* const> streams) {
  Rows rows;
  if (const auto* stored = seen_.months->find(month); stored != nullptr) {
    std::vector<std::uint64_t> ids;
    ids.reserve(streams.size());
    for (const auto* stream : streams) ids.push_back(static_cast<std::uint64_t>(stream->id));
    const auto sql = fill_in(kLast, settings_.schema, stored->suffix);
    auto found = connection_.run({.sql = sql,
                                  .parameters = Parameters()
                                                    .int8_array(ids)
                                                    .int8(seen_.head.value)
                                                    .int8(stored->first_position.value)},
                                 deadline_);
    if (!found) return std::unexpected(std::move(found).error());
    rows = *std::move(found);
  }
  for (int row = 0; row < rows.size(); ++row) {
    auto& stream = *streams[rows.int8(row, 0)];
    stream.version = {rows.int8(row, 1)};
    stream.last_position = {rows.int8(row, 2)};
  }
  for (auto* stream : streams) {
    if (stream->version.value == 0) stream->parts.pop_back();
  }
  return {};
}

Answer<StreamVersion> StreamLookup::first_readable(const SeenStream& stream) {
  const auto& bounds = stream.bounds;
  // Of a tombstoned stream the tombstone is hidden as well.
  if (bounds.is_tombstoned()) return StreamVersion{stream.version.value + 1};
  auto first = std::max(bounds.truncate_before, StreamVersion{1});
  const auto& retention = bounds.retention;
  if (retention.max_count && stream.version.value > *retention.max_count) {
    const std::uint64_t more = is_planted(Plant::RetainsOneMore) ? 0 : 1;
    first = std::max(first, StreamVersion{stream.version.value - *retention.max_count + more});
  }
  if (retention.max_age && !is_planted(Plant::MaxAgeIgnored)) {
    const auto young = first_since(connection_, settings_, stream.id,
                                   before(seen_.now, *retention.max_age), deadline_);
    if (!young) return young;
    first = std::max(first, *young);
  }
  return first;
}

Answer<std::vector<std::optional<StreamInfo>>> StreamLookup::infos(
    std::span<const std::string_view> names) {
  const auto seen = streams(names);
  if (!seen) return std::unexpected(seen.error());
  std::vector<std::optional<StreamInfo>> infos(names.size());
  std::map<Month, std::vector<std::size_t>> firsts;
  for (std::size_t index = 0; index < names.size(); ++index) {
    const auto& stream = (*seen)[index];
    if (stream.version.value == 0) continue;
    const auto first = first_readable(stream);
    if (!first) return std::unexpected(first.error());
    auto& info = infos[index].emplace();
    info.stream = names[index];
    info.version = stream.version;
    info.first_version = *first;
    info.last_position = stream.last_position;
    info.state = stream.bounds.state(stream.version);
    if (*first > stream.version) {
      info.first_version = {stream.version.value + 1};
      continue;
    }
    info.events = stream.version.value - first->value + 1;
    const auto part =
        std::ranges::upper_bound(stream.parts, *first, {}, &SeenStream::Part::first_version);
    if (part != stream.parts.begin()) firsts[std::prev(part)->month].push_back(index);
  }
  for (const auto& [month, of_month] : firsts) {
    const auto* stored = seen_.months->find(month);
    if (stored == nullptr) continue;
    const auto added = add_first_positions(*stored, *seen, of_month, infos);
    if (!added) return std::unexpected(added.error());
  }
  return infos;
}

Answer<void> StreamLookup::add_first_positions(const StoredMonth& month,
                                               std::span<const SeenStream> streams,
                                               std::span<const std::size_t> which,
                                               std::span<std::optional<StreamInfo>> infos) {
  std::vector<std::uint64_t> ids;
  std::vector<std::uint64_t> versions;
  for (const auto index : which) {
    ids.push_back(static_cast<std::uint64_t>(streams[index].id));
    versions.push_back(infos[index]->first_version.value);
  }
  for (const auto* const text : {kPositions, kPositionsById}) {
    const auto sql = fill_in(text, settings_.schema, month.suffix);
    const auto rows = connection_.run(
        {.sql = sql, .parameters = Parameters().int8_array(ids).int8_array(versions)}, deadline_);
    if (!rows) return std::unexpected(rows.error());
    for (int row = 0; row < rows->size(); ++row) {
      infos[which[rows->int8(row, 0)]]->first_position = {rows->int8(row, 1)};
    }
    if (rows->size() == static_cast<int>(ids.size())) break;
  }
  return {};
}

Answer<std::vector<StreamInfo>> StreamLookup::list(const ListStreamsRequest& request) {
  const auto sql = fill_in(kNames, settings_.schema);
  std::vector<StreamInfo> listed;
  auto after = request.after;
  while (listed.size() < request.limit) {
    const auto count = std::min(request.limit - listed.size(), kNamesMax);
    Parameters parameters;
    parameters.text(after).text(request.prefix);
    if (request.category) {
      parameters.text(*request.category);
    } else {
      parameters.null();
    }
    parameters.boolean(request.include_system).int8(count);
    const auto rows = connection_.run({.sql = sql, .parameters = parameters}, deadline_);
    if (!rows) return std::unexpected(rows.error());
    auto infos = this->infos(texts_of(*rows, 0));
    if (!infos) return std::unexpected(std::move(infos).error());
    for (auto& info : *infos) {
      if (!info || (info->state != StreamState::Live && !request.include_deleted)) continue;
      listed.push_back(*std::move(info));
    }
    if (static_cast<std::uint64_t>(rows->size()) < count) break;
    after = rows->text(rows->size() - 1, 0);
  }
  return listed;
}

}  // namespace eventstore::postgres
