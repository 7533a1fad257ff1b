#include "postgres/read_planner.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "postgres/sql_builder.hpp"
#include "postgres/stream_lookup.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kHead =
    "SELECT (SELECT max(month) FROM {s}.months), e.position, EXISTS (SELECT FROM {s}.bounds),"
    " greatest(clock_timestamp(), e.recorded_at)"
    " FROM (VALUES (1)) one LEFT JOIN LATERAL (SELECT position, recorded_at FROM {s}.events_{m}"
    " ORDER BY position DESC LIMIT 1) e ON true";

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

}  // namespace

Answer<SeenHead> ReadPlanner::look() {
  auto months = months_.list();
  for (;;) {
    const auto sql = fill_in(kHead, settings_.schema,
                             months->empty() ? "default" : months->months.back().suffix);
    const auto rows = connection_.run({.sql = sql}, deadline_);
    if (!rows) return std::unexpected(rows.error());
    if (Month{rows->int4(0, 0)} == months->last()) {
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

Answer<ReadPlan> ReadPlanner::plan(ReadRequest request) {
  if (const auto* const stream = std::get_if<SelectStream>(&request.selector)) {
    const auto name = stream->stream;
    return plan_stream(std::move(request), name);
  }
  const auto seen = look();
  if (!seen) return std::unexpected(seen.error());
  const auto [first, last] = range_of(request, 1, seen->head.value);
  ReadPlan plan{
      .request = std::move(request), .head = seen->head, .parts = {}, .hides = seen->has_bounds};
  const auto& months = seen->months->months;
  if (first > last) return plan;
  for (auto ordinal = seen->months->ordinal_of({first}); ordinal < months.size(); ++ordinal) {
    const auto& month = months[ordinal];
    const auto end = ordinal + 1 < months.size() ? months[ordinal + 1].first_position.value
                                                 : std::numeric_limits<std::uint64_t>::max();
    if (month.first_position.value > last) break;
    plan.parts.push_back({.suffix = month.suffix,
                          .first = std::max(first, month.first_position.value),
                          .last = std::min(last, end - 1)});
  }
  if (plan.request.direction == Direction::Backwards) std::ranges::reverse(plan.parts);
  return plan;
}

Answer<ReadPlan> ReadPlanner::plan_stream(ReadRequest request, const std::string& stream) {
  const auto seen = look();
  if (!seen) return std::unexpected(seen.error());
  ReadPlan plan{.request = std::move(request), .head = seen->head, .parts = {}};
  StreamLookup lookup(settings_, connection_, *seen, deadline_);
  const std::string_view name = stream;
  const auto found = lookup.streams({&name, 1});
  if (!found) return std::unexpected(found.error());
  const auto& known = found->front();
  plan.stream_id = known.id;
  if (known.version.value == 0) return plan;
  const auto readable = lookup.first_readable(known);
  if (!readable) return std::unexpected(readable.error());
  const auto [first, last] = range_of(plan.request, readable->value, known.version.value);
  for (std::size_t index = 0; index < known.parts.size(); ++index) {
    const auto begin = known.parts[index].first_version.value;
    const auto end = index + 1 < known.parts.size() ? known.parts[index + 1].first_version.value
                                                    : known.version.value + 1;
    const auto* month = seen->months->find(known.parts[index].month);
    if (month == nullptr || std::max(first, begin) > std::min(last, end - 1)) continue;
    plan.parts.push_back({.suffix = month->suffix,
                          .first = std::max(first, begin),
                          .last = std::min(last, end - 1)});
  }
  if (plan.request.direction == Direction::Backwards) std::ranges::reverse(plan.parts);
  return plan;
}

}  // namespace eventstore::postgres
