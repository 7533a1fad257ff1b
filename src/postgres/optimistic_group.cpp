#include "postgres/optimistic_group.hpp"

#include <string>
#include <utility>

#include "core/stream_outcomes.hpp"

namespace eventstore::postgres {
namespace {

// $1 names, $2 rules, $3 versions, $4 first events of the streams; $5 month, $6 and $7 the window;
// $8 streams' ordinals and $9 offsets of the events; $10 to $19 their columns; $20 the attempt;
// $21 the first position of the month, since the default tables may have events of other months;
// $22, $23 tags.
// What is materialized is so for the order of things: it is looked at before anything is stored.
constexpr const char* kStore =
    "WITH head AS MATERIALIZED (SELECT e.position, e.id, greatest(clock_timestamp(),"
    " e.recorded_at) AS at, (SELECT max(month) FROM {s}.months) = $5::int AS is_last"
    " FROM (SELECT position, id, recorded_at FROM {s}.events_{m} ORDER BY position DESC LIMIT 1)"
    " e),"
    " wanted AS MATERIALIZED (SELECT n.ordinal, n.name, n.first_event, s.stream_id, coalesce("
    "e.version, 0) AS version, CASE n.rule WHEN 0 THEN true WHEN 1 THEN e.version IS NOT NULL ELSE"
    " coalesce(e.version, 0) = n.version END AND (s.stream_id IS NULL OR e.version IS NOT NULL) AND"
    " NOT EXISTS (SELECT FROM {s}.bounds b WHERE b.stream_id = s.stream_id) AS fits"
    " FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) WITH ORDINALITY"
    " n(name, rule, version, first_event, ordinal) LEFT JOIN {s}.streams s ON s.name = n.name"
    " LEFT JOIN LATERAL (SELECT version, position FROM {s}.events_{m} e WHERE e.stream_id = "
    "s.stream_id"
    " ORDER BY version DESC LIMIT 1) e ON e.position >= $21::bigint),"
    " known AS MATERIALIZED (SELECT h.position, h.id AS head_id, h.at, coalesce(h.is_last"
    " AND h.at >= $6::timestamptz AND h.at < $7::timestamptz AND w.fits, false) AS fits,"
    " w.versions, w.ids FROM head h,"
    " (SELECT bool_and(fits) AS fits, array_agg(version ORDER BY ordinal) AS versions,"
    " array_agg(coalesce(stream_id, (SELECT position FROM head) + first_event) ORDER BY ordinal) AS"
    " ids FROM wanted) w),"
    " new_streams AS (INSERT INTO {s}.streams (stream_id, name, month) SELECT k.position +"
    " w.first_event, w.name, $5::int FROM wanted w, known k WHERE w.stream_id IS NULL AND"
    " w.first_event > 0 AND k.fits),"
    " new_events AS (INSERT INTO {s}.events_{m} ({columns}) SELECT k.position + a.n, k.at,"
    " k.ids[a.s], k.versions[a.s] + a.o, a.i, a.f, a.w, a.oc, a.l, a.st, a.ty, a.ta, a.m, a.d"
    " FROM known k, unnest($8::int[], $9::bigint[], $10::uuid[], $11::int[], $12::bigint[],"
    " $13::timestamptz[], $14::boolean[], $15::text[], $16::text[], $17::bytea[], $18::bytea[],"
    " $19::bytea[]) WITH ORDINALITY a(s, o, i, f, w, oc, l, st, ty, ta, m, d, n) WHERE k.fits),"
    " new_ids AS (INSERT INTO {s}.event_ids (position, stream_id, version, id, attempt) SELECT"
    " k.position + a.n, k.ids[a.s], k.versions[a.s] + a.o, a.i, $20::bigint FROM known k,"
    " unnest($8::int[], $9::bigint[], $10::uuid[]) WITH ORDINALITY a(s, o, i, n) WHERE k.fits)";

constexpr const char* kTags =
    ", new_tags AS (INSERT INTO {s}.tags_{m} (position, tag, recorded_at)"
    " SELECT k.position + a.n, a.t, k.at"
    " FROM known k, unnest($22::bigint[], $23::text[]) a(n, t) WHERE k.fits)";

constexpr const char* kAnswer = " SELECT fits, position, at, versions, ids, head_id FROM known";

const char* statement(const GroupRows& rows) {
  static const std::string plain = std::string(kStore) + kAnswer;
  static const std::string tagged = std::string(kStore) + kTags + kAnswer;
  return (rows.has_tags() ? tagged : plain).c_str();
}

}  // namespace

std::int32_t OptimisticGroup::ordinal_of(std::string_view stream) {
  const auto next = static_cast<std::int32_t>(streams_.size() + 1);
  const auto [at, is_new] = ordinals_.try_emplace(stream, next);
  if (is_new) streams_.push_back({.name = stream});
  return at->second;
}

std::optional<OptimisticGroup> OptimisticGroup::of(std::span<Pending* const> group) {
  OptimisticGroup made;
  for (const auto* pending : group) {
    if (!made.add(pending->append)) return std::nullopt;
  }
  return made;
}

bool OptimisticGroup::add(const PreparedAppend& append) {
  if (append.condition() || append.states_bounds()) return false;
  for (const auto& check : append.checks()) {
    if (!add_check(check)) return false;
  }
  members_.push_back({.events = append.events().size(), .first_event = rows_.size()});
  for (const auto& event : append.events()) {
    const auto ordinal = ordinal_of(event.event->stream);
    auto& stream = streams_[static_cast<std::size_t>(ordinal) - 1];
    rows_.add(event, &event == &append.events().back());
    has_given_ids_ = has_given_ids_ || event.given_id;
    if (stream.events++ == 0) stream.first_event = rows_.size();
    stream_ordinals_.push_back(ordinal);
    offsets_.push_back(stream.events);
  }
  return true;
}

// What the check says of the stream as it is before the group.
bool OptimisticGroup::add_check(const StreamCheck& check) {
  if (check.expected.kind() == ExpectedVersion::Kind::Any) return true;
  auto& stream = streams_[static_cast<std::size_t>(ordinal_of(check.stream)) - 1];
  if (check.expected.kind() == ExpectedVersion::Kind::StreamExists) {
    if (stream.events == 0 && stream.rule == 0) stream.rule = 1;
    return stream.events > 0 || stream.rule == 1 || stream.version > 0;
  }
  const auto expected =
      check.expected.kind() == ExpectedVersion::Kind::NoStream ? 0 : check.expected.version().value;
  if (expected < stream.events) return false;
  const auto before = expected - stream.events;
  if (stream.rule == 2) return stream.version == before;
  if (stream.rule == 1 && before == 0) return false;
  stream.rule = 2;
  stream.version = before;
  return true;
}

Call OptimisticGroup::call(const GroupPlace& place, Statements& statements) const {
  std::vector<std::string_view> names;
  std::vector<std::int32_t> rules;
  std::vector<std::uint64_t> versions;
  std::vector<std::uint64_t> first_events;
  for (const auto& stream : streams_) {
    names.push_back(stream.name);
    rules.push_back(stream.rule);
    versions.push_back(stream.version);
    first_events.push_back(stream.first_event);
  }
  Call call{.sql = statements.of(statement(rows_), place.month.suffix)};
  call.parameters.text_array(names)
      .int4_array(rules)
      .int8_array(versions)
      .int8_array(first_events)
      .int4(place.month.month.number)
      .timestamptz(place.window.begin)
      .timestamptz(place.window.end)
      .int4_array(stream_ordinals_)
      .int8_array(offsets_);
  rows_.add_to(call.parameters);
  if (has_given_ids_) {
    call.parameters.int8(place.attempt);
  } else {
    call.parameters.null();
  }
  call.parameters.int8(place.month.first_position.value);
  if (rows_.has_tags()) rows_.add_tags_to(call.parameters);
  return call;
}

std::optional<OptimisticGroup::Stored> OptimisticGroup::take(const Rows& rows, Month month) const {
  if (rows.empty() || !rows.boolean(0, 0)) return std::nullopt;
  const GlobalPosition before{rows.int8(0, 1)};
  const auto versions = rows.int8_array(0, 3);
  const auto ids = rows.int8_array(0, 4);
  Stored stored{.results = {},
                .recorded_at = rows.timestamptz(0, 2),
                .found = before,
                .found_id = rows.uuid(0, 5)};
  stored.left.head = {before.value + rows_.size()};
  stored.left.head_id = has_events() ? rows_.ids().back() : stored.found_id;
  stored.left.last_month = month;
  for (std::size_t index = 0; index < streams_.size(); ++index) {
    const auto& stream = streams_[index];
    if (stream.events == 0) continue;
    stored.left.streams.emplace(stream.name,
                                StoredStream{.id = static_cast<StreamId>(ids[index]),
                                             .version = {versions[index] + stream.events},
                                             .month = month});
  }
  for (const auto& member : members_) {
    const GlobalPosition head{before.value + member.first_event};
    AppendResult result{.first_position = head, .last_position = {head.value + member.events}};
    StreamOutcomes outcomes;
    for (auto event = member.first_event; event < member.first_event + member.events; ++event) {
      const auto stream = static_cast<std::size_t>(stream_ordinals_[event]) - 1;
      outcomes.set(streams_[stream].name, {versions[stream] + offsets_[event]});
    }
    if (member.events > 0) ++result.first_position.value;
    result.streams = outcomes.take();
    stored.results.push_back(std::move(result));
  }
  return stored;
}

}  // namespace eventstore::postgres
