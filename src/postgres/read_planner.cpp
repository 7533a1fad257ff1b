#include "postgres/read_planner.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "postgres/event_sql.hpp"
#include "postgres/history.hpp"
#include "postgres/sql_builder.hpp"
#include "postgres/stream_lookup.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kHead =
    "SELECT (SELECT max(month) FROM {s}.months), e.position, EXISTS (SELECT FROM {s}.bounds),"
    " greatest(clock_timestamp(), e.recorded_at)"
    " FROM (VALUES (1)) one LEFT JOIN LATERAL (SELECT position, recorded_at FROM {s}.events_{m}"
    " ORDER BY position DESC LIMIT 1) e ON true";

// The same, and a stream: its key, first month, last event in a month, bounds, and later months.
constexpr const char* kHeadAndStream =
    "SELECT (SELECT max(month) FROM {s}.months), h.position, false, greatest(clock_timestamp(),"
    " h.recorded_at), s.stream_id, s.month, e.version, e.position, b.truncate_before, b.max_count,"
    " b.max_age, b.tombstone, ARRAY(SELECT m.month::bigint FROM {s}.stream_months m WHERE"
    " m.stream_id = s.stream_id ORDER BY m.month), ARRAY(SELECT m.first_version FROM"
    " {s}.stream_months m WHERE m.stream_id = s.stream_id ORDER BY m.month)"
    " FROM (SELECT position, recorded_at FROM {s}.events_{m} ORDER BY position DESC LIMIT 1) h"
    " LEFT JOIN {s}.streams s ON s.name = $1::text LEFT JOIN LATERAL (SELECT * FROM {s}.bounds b"
    " WHERE b.stream_id = s.stream_id ORDER BY position DESC LIMIT 1) b ON true";
constexpr const char* kLastEvent =
    " LEFT JOIN LATERAL (SELECT version, position FROM {s}.events_{m} e WHERE e.stream_id ="
    " s.stream_id ORDER BY version DESC LIMIT 1) e ON true";

struct Range {
  std::uint64_t first;
  std::uint64_t last;
};

// What a request asks for, of numbers that are there from `first` to `last`.
Range range_of(const ReadRequest& request, std::uint64_t first, std::uint64_t last) {
  const bool forwards = request.direction == Direction::Forwards;
  const auto& least = forwards ? request.from : request.to;
  const auto& most = forwards ? request.to : request.from;
  return {.first = std::max(first, least.value_or(first)),
          .last = std::min(last, most.value_or(last))};
}

// What kHeadAndStream gives of a stream, whose last event is known if it lies in `last_month`.
SeenStream stream_in(const Rows& rows, Month last_month) {
  SeenStream stream{.id = static_cast<StreamId>(rows.int8(0, 4)), .bounds = bounds_in(rows, 0, 8)};
  const Month first_month{rows.int4(0, 5)};
  if (first_month != Month{}) stream.parts.push_back({.month = first_month, .first_version = {1}});
  const auto months = rows.int8_array(0, 12);
  const auto first_versions = rows.int8_array(0, 13);
  for (std::size_t at = 0; at < months.size(); ++at) {
    stream.parts.push_back(
        {.month = {static_cast<std::int32_t>(months[at])}, .first_version = {first_versions[at]}});
  }
  if (!stream.parts.empty() && stream.parts.back().month == last_month) {
    stream.version = {rows.int8(0, 6)};
    stream.last_position = {rows.int8(0, 7)};
  }
  return stream;
}

}  // namespace

Answer<SeenHead> ReadPlanner::look() {
  auto months = months_.list();
  for (;;) {
    const auto shown = settings_.history->shown();
    const auto sql = fill_in(kHead, settings_.schema,
                             months->empty() ? "default" : months->months.back().suffix);
    const auto rows = connection_.run({.sql = sql}, deadline_);
    if (!rows) return std::unexpected(rows.error());
    if (Month{rows->int4(0, 0)} == months->last()) {
      auto taken = settings_.history->take_head({rows->int8(0, 1)}, shown, connection_, deadline_);
      if (!taken) return std::unexpected(std::move(taken).error());
      return SeenHead{.head = {rows->int8(0, 1)},
                      .has_bounds = rows->boolean(0, 2),
                      .now = rows->timestamptz(0, 3),
                      .months = std::move(months)};
    }
    auto loaded = months_.load(connection_, settings_.schema, deadline_);
    if (!loaded) return std::unexpected(std::move(loaded).error());
    months = *std::move(loaded);
  }
}

ReadPlanner::GuessedMonths ReadPlanner::guess_months(const ReadRequest& request,
                                                     const MonthList& months,
                                                     KnownStreams& streams) {
  const auto& newest = months.months.back();
  const bool forwards = request.direction == Direction::Forwards;
  const auto [first, last] = range_of(request, 1, std::numeric_limits<std::int64_t>::max());
  const auto* const stream = std::get_if<SelectStream>(&request.selector);
  if (stream == nullptr) {
    return {.page = forwards ? &months.months[months.ordinal_of({first})] : &newest,
            .last = &newest};
  }
  const auto parts = streams.parts_of(stream->stream);
  if (!parts || parts->empty()) return {.page = &newest, .last = &newest};
  const StreamVersion begin{forwards ? first : last};
  auto part = std::ranges::upper_bound(*parts, begin, {}, &SeenStream::Part::first_version);
  if (part != parts->begin()) --part;
  const auto* const page = months.find(part->month);
  const auto* const ends_in = months.find(parts->back().month);
  if (page == nullptr || ends_in == nullptr) return {.page = &newest, .last = &newest};
  return {.page = page, .last = ends_in};
}

// Absent: another month has begun, or there is none yet; or what is guessed of is detached.
Answer<std::optional<ReadPlanner::Guess>> ReadPlanner::guess(const ReadRequest& request,
                                                             KnownStreams& streams) {
  const auto months = months_.list();
  if (months->empty()) return std::nullopt;
  const auto& month = months->months.back();
  const auto* const stream = std::get_if<SelectStream>(&request.selector);
  const auto guessed = guess_months(request, *months, streams);
  const auto [first, last] = range_of(request, 1, std::numeric_limits<std::int64_t>::max());
  Guess guess{.page_rows = first_page_rows(request), .part = {guessed.page->suffix, first, last}};
  const auto page = events_sql(page_of({.request = request}, guess.part, guess.page_rows),
                               settings_.schema, guessed.page->suffix);
  auto head = fill_in(stream != nullptr ? kHeadAndStream : kHead, settings_.schema, month.suffix);
  if (stream != nullptr) head += fill_in(kLastEvent, settings_.schema, guessed.last->suffix);
  std::vector<Call> calls = {{.sql = head}, page.call()};
  if (!page.prepared) calls.insert(std::next(calls.begin()), Call{.sql = kPlanAnew});
  if (stream != nullptr) calls.front().parameters.text(stream->stream);
  const auto shown = settings_.history->shown();
  auto rows = connection_.run(calls, deadline_);
  if (!rows && guessed.page != &month && is_detached(rows.error())) return std::nullopt;
  if (!rows) return std::unexpected(std::move(rows).error());
  const auto& seen = rows->front();
  if (seen.empty() || Month{seen.int4(0, 0)} != month.month) return std::nullopt;
  if (GlobalPosition{seen.int8(0, 1)} < shown) return std::nullopt;  // look() tells why
  guess.seen = {.head = {seen.int8(0, 1)},
                .has_bounds = seen.boolean(0, 2),
                .now = seen.timestamptz(0, 3),
                .months = months};
  settings_.history->show(guess.seen.head);
  guess.page = std::move(rows->back());
  if (stream == nullptr || seen.is_null(0, 4)) return guess;
  guess.stream = stream_in(seen, guessed.last->month);
  return guess;
}

Answer<ReadPlan> ReadPlanner::plan(ReadRequest request, KnownStreams& streams) {
  auto guessed = guess(request, streams);
  if (guessed && *guessed && (*guessed)->stream && (*guessed)->stream->version.value == 0 &&
      !(*guessed)->stream->parts.empty()) {
    // By now it is known where to look.
    streams.learn(std::get<SelectStream>(request.selector).stream, (*guessed)->stream->parts);
    guessed = guess(request, streams);
  }
  if (!guessed) return std::unexpected(std::move(guessed).error());
  SeenHead seen;
  if (*guessed) {
    seen = (*guessed)->seen;
  } else {
    auto looked = look();
    if (!looked) return std::unexpected(std::move(looked).error());
    seen = *std::move(looked);
  }
  const bool of_stream = std::holds_alternative<SelectStream>(request.selector);
  const bool forwards = request.direction == Direction::Forwards;
  ReadPlan plan{.request = std::move(request), .head = seen.head, .parts = {}};
  if (of_stream) {
    auto known = *guessed ? std::move((*guessed)->stream) : std::nullopt;
    auto made = plan_stream(std::move(plan), seen, std::move(known), streams);
    if (!made) return made;
    plan = *std::move(made);
  } else {
    plan.hides = seen.has_bounds;
    plan_positions(plan, seen);
  }
  if (!*guessed || plan.hides || plan.parts.empty()) return plan;
  // The page is that of the first part where it begins where that does.
  const auto& part = plan.parts.front();
  const auto& asked = (*guessed)->part;
  if (part.suffix != asked.suffix ||
      (forwards ? part.first != asked.first : part.last > asked.last))
    return plan;
  plan.first_page = std::move((*guessed)->page);
  plan.first_page_rows = (*guessed)->page_rows;
  return plan;
}

void ReadPlanner::plan_positions(ReadPlan& plan, const SeenHead& seen) {
  const auto [first, last] = range_of(plan.request, 1, seen.head.value);
  const auto& months = seen.months->months;
  if (first > last) return;
  for (auto ordinal = seen.months->ordinal_of({first}); ordinal < months.size(); ++ordinal) {
    const auto& month = months[ordinal];
    const auto end = ordinal + 1 < months.size() ? months[ordinal + 1].first_position.value
                                                 : std::numeric_limits<std::uint64_t>::max();
    if (month.first_position.value > last) break;
    plan.parts.push_back({.suffix = month.suffix,
                          .first = std::max(first, month.first_position.value),
                          .last = std::min(last, end - 1)});
  }
  if (plan.request.direction != Direction::Backwards) return;
  std::ranges::reverse(plan.parts);
  if (is_planted(Plant::FirstMonthLeftOut) && plan.parts.size() > 1) plan.parts.pop_back();
}

Answer<ReadPlan> ReadPlanner::plan_stream(ReadPlan plan, const SeenHead& seen,
                                          std::optional<SeenStream> stream, KnownStreams& streams) {
  StreamLookup lookup(settings_, connection_, seen, deadline_);
  const std::string_view name = std::get<SelectStream>(plan.request.selector).stream;
  if (!stream) {
    auto found = lookup.streams({&name, 1});
    if (!found) return std::unexpected(std::move(found).error());
    stream = std::move(found->front());
  } else if (stream->version.value == 0) {
    if (auto added = lookup.add_last({&*stream, 1}); !added) {
      return std::unexpected(std::move(added).error());
    }
  }
  const auto& known = *stream;
  plan.stream_id = known.id;
  if (known.version.value == 0) return plan;
  if (known.parts.front().month != seen.months->last()) streams.learn(name, known.parts);
  const auto readable = lookup.first_readable(known);
  if (!readable) return std::unexpected(readable.error());
  const auto [first, last] = range_of(plan.request, readable->value, known.version.value);
  for (std::size_t index = 0; index < known.parts.size(); ++index) {
    const auto begin = known.parts[index].first_version.value;
    const auto end = index + 1 < known.parts.size() ? known.parts[index + 1].first_version.value
                                                    : known.version.value + 1;
    const auto* month = seen.months->find(known.parts[index].month);
    if (month == nullptr || std::max(first, begin) > std::min(last, end - 1)) continue;
    plan.parts.push_back({.suffix = month->suffix,
                          .first = std::max(first, begin),
                          .last = std::min(last, end - 1)});
  }
  if (plan.request.direction == Direction::Backwards) std::ranges::reverse(plan.parts);
  return plan;
}

}  // namespace eventstore::postgres
