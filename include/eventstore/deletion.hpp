#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "eventstore/event.hpp"
#include "eventstore/position.hpp"

namespace eventstore {

// How much of a stream is kept. Both hold at once in reads of the stream; what they hide is gone
// for good.
struct Retention {
  std::optional<std::uint64_t> max_count = {};       // its last events; at least 1
  std::optional<std::chrono::seconds> max_age = {};  // events recorded so long ago; at least 1 s
  friend bool operator==(const Retention&, const Retention&) = default;
};

enum class StreamState : std::uint8_t {
  Live,
  Deleted,     // all of its events were truncated; a new one takes the next version
  Tombstoned,  // deleted for ever: takes no events
};

std::string_view to_string(StreamState state);  // "live", "deleted", "tombstoned"

// What came of truncating, retaining or deleting a stream.
struct StreamChange {
  // The event that says so: in "$$" + the stream's name, a tombstone in the stream itself.
  StreamVersion version;
  GlobalPosition position;
  // False: it was so already, and nothing was written. `version` is then that of the stream's
  // metadata, `position` the head at which that was so.
  bool changed = true;
};

// Makes metadata that truncates its stream truncate nothing; leaves any other event alone. For
// events that come to a store where versions are others, as they do where what is left of a stream
// is imported.
void forget_truncation(NewEvent& event);

}  // namespace eventstore
