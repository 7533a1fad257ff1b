#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>

#include "eventstore/event_store.hpp"
#include "subscription/event_filter.hpp"

namespace eventstore::subscription {

// Reads what is stored of the events that a filter's read selects, in passes: each goes up to what
// was the store's head when it began.
//
// Ownership: borrows the store and the filter. What it returns is valid until the next call.
// Threads:   one at a time.
class StoredReader {
 public:
  StoredReader(EventStore& store, const EventFilter& filter) : store_(store), filter_(filter) {}

  struct Part {
    std::span<const EventView> events;
    GlobalPosition up_to;      // what is selected up to here has been read
    bool ends_a_pass = false;  // `up_to` was the head when the pass began; there are no events
  };

  // The next events of the pass, or of a new one, which reads what comes after `position`: the last
  // part's `up_to`, or wherever the caller has come to since.
  //
  // Fails as EventStore::read() and Cursor::next() do; the next call begins a new pass.
  Result<Part> next(GlobalPosition position, const std::stop_token& cancellation);

  // The caller has met this event, which the read selects, elsewhere.
  void passed(const EventView& event) { next_version_ = event.version.value + 1; }

 private:
  Result<void> begin_pass(GlobalPosition position);
  Result<std::uint64_t> version_after(GlobalPosition position) const;

  EventStore& store_;
  const EventFilter& filter_;
  std::unique_ptr<Cursor> cursor_;  // of the pass under way
  std::stop_source pass_stop_;
  // Of the stream that is read: no event with a smaller version is still to be read.
  std::optional<std::uint64_t> next_version_;
};

// The position after which the events come that `start` asks for.
//
// Fails with InvalidArgument where that is beyond the store's head; or as EventStore::read() and
// Cursor::next() do.
Result<GlobalPosition> position_of(EventStore& store, const SubscriptionStart& start);

}  // namespace eventstore::subscription
