#pragma once

#include <cstddef>
#include <memory>

#include "eventstore/event.hpp"
#include "eventstore/read.hpp"
#include "eventstore/result.hpp"
#include "eventstore/subscription.hpp"

namespace re2 {
class RE2;
}

namespace eventstore::subscription {

// A SubscriptionFilter made ready: the read that selects what it wants, and the same decided event
// by event. Both agree on every event.
//
// Threads: immutable; safe from any thread.
class EventFilter {
 public:
  static constexpr std::size_t kPatternBytesMax = 4096;

  // Fails as validate(ReadRequest) does; with InvalidArgument where a pattern is no regular
  // expression that RE2 takes, or LimitExceeded where it is too long.
  static Result<EventFilter> compile(SubscriptionFilter filter);

  EventFilter(EventFilter&&) noexcept;
  EventFilter& operator=(EventFilter&&) noexcept;
  EventFilter(const EventFilter&) = delete;
  EventFilter& operator=(const EventFilter&) = delete;
  ~EventFilter();

  // Reads what matches, but for the patterns, which no read knows.
  ReadRequest read_request() const;

  // Of an event that such a read gives: whether it matches.
  bool matches_patterns(const EventView& event) const;
  bool has_patterns() const { return stream_pattern_ != nullptr || type_pattern_ != nullptr; }

  // Of any event of the store: whether it matches.
  bool matches(const EventView& event) const;

  const Selector& selector() const { return filter_.selector; }

 private:
  explicit EventFilter(SubscriptionFilter filter);

  bool selects(const EventView& event) const;

  SubscriptionFilter filter_;
  std::unique_ptr<const re2::RE2> stream_pattern_;
  std::unique_ptr<const re2::RE2> type_pattern_;
};

}  // namespace eventstore::subscription
