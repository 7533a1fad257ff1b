#include "subscription/event_filter.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include <re2/re2.h>

#include "core/refusal.hpp"
#include "core/stream_bounds.hpp"
#include "eventstore/validate.hpp"

namespace eventstore::subscription {
namespace {

re2::StringPiece piece_of(std::string_view text) {
  return {text.data(), text.size()};
}

bool matches_pattern(const RE2* pattern, std::string_view text) {
  return pattern == nullptr || RE2::PartialMatch(piece_of(text), *pattern);
}

// Null for an empty pattern.
Result<std::unique_ptr<const RE2>> compile_pattern(std::string_view field,
                                                   const std::string& pattern) {
  if (pattern.empty()) return nullptr;
  if (pattern.size() > EventFilter::kPatternBytesMax) {
    return limit_exceeded(field, {.limit = "pattern_bytes_max",
                                  .actual = pattern.size(),
                                  .allowed = EventFilter::kPatternBytesMax});
  }
  RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_unique<const RE2>(pattern, options);
  if (compiled->ok()) return compiled;
  return invalid_argument(std::string(field) + " " + in_quotes(pattern) +
                          " is no regular expression of RE2: " + compiled->error());
}

}  // namespace

Result<EventFilter> EventFilter::compile(SubscriptionFilter filter) {
  EventFilter compiled(std::move(filter));
  const auto& given = compiled.filter_;
  if (auto valid = validate(compiled.read_request()); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  auto stream_pattern = compile_pattern("stream_pattern", given.stream_pattern);
  if (!stream_pattern) return std::unexpected(std::move(stream_pattern).error());
  auto type_pattern = compile_pattern("type_pattern", given.type_pattern);
  if (!type_pattern) return std::unexpected(std::move(type_pattern).error());
  compiled.stream_pattern_ = *std::move(stream_pattern);
  compiled.type_pattern_ = *std::move(type_pattern);
  return compiled;
}

EventFilter::EventFilter(SubscriptionFilter filter) : filter_(std::move(filter)) {}
EventFilter::EventFilter(EventFilter&&) noexcept = default;
EventFilter& EventFilter::operator=(EventFilter&&) noexcept = default;
EventFilter::~EventFilter() = default;

ReadRequest EventFilter::read_request() const {
  return {.selector = filter_.selector,
          .types = filter_.types,
          .stream_prefix = filter_.stream_prefix,
          .include_system = filter_.include_system};
}

bool EventFilter::matches_patterns(const EventView& event) const {
  return matches_pattern(stream_pattern_.get(), event.stream) &&
         matches_pattern(type_pattern_.get(), event.type);
}

bool EventFilter::selects(const EventView& event) const {
  // A stream is read as it is, the store's own events in it, too; one with a tombstone is empty.
  if (const auto* const stream = std::get_if<SelectStream>(&filter_.selector)) {
    return event.stream == stream->stream && event.type != kTombstoneType;
  }
  if (!filter_.include_system && (is_system_name(event.stream) || is_system_name(event.type))) {
    return false;
  }
  if (const auto* const category = std::get_if<SelectCategory>(&filter_.selector)) {
    return category_of(event.stream) == category->category;
  }
  const auto* const query = std::get_if<Query>(&filter_.selector);
  return query == nullptr || query->matches_with_system(event);
}

bool EventFilter::matches(const EventView& event) const {
  return selects(event) && event.stream.starts_with(filter_.stream_prefix) &&
         (filter_.types.empty() ||
          std::ranges::find(filter_.types, event.type) != filter_.types.end()) &&
         matches_patterns(event);
}

}  // namespace eventstore::subscription
