#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
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

// How far scavenging has come: events up to `position` were dealt with.
struct ScavengeProgress {
  GlobalPosition position;
  GlobalPosition head;
};

struct ScavengeOptions {
  // Tells what would be freed and changes nothing.
  bool dry_run = false;
  // So long after it was recorded the id of a deleted event is remembered, so that an append of it
  // is still known to be a repetition.
  std::chrono::seconds id_retention = std::chrono::days(30);
  // Ends it before its next piece of work, with Cancelled.
  std::stop_token cancellation = {};
  // Called now and then, from the thread that scavenges. It may use the store, but not scavenge it.
  std::function<void(const ScavengeProgress&)> on_progress = {};
};

// What was freed, or would be.
struct ScavengeReport {
  std::uint64_t segments = 0;            // that were looked at: the sealed ones
  std::uint64_t segments_rewritten = 0;  // of those
  std::uint64_t events_removed = 0;      // of which nothing is left
  std::uint64_t events_reduced = 0;      // to their id and version
  std::uint64_t bytes = 0;               // of the segments, before
  std::uint64_t bytes_freed = 0;         // of those; posting files come on top
  std::uint64_t bytes_active = 0;  // of the active segment: what is deleted in it stays until it is
                                   // sealed
};

// Makes metadata that truncates its stream truncate nothing; leaves any other event alone. For
// events that come to a store where versions are others, as they do where what is left of a stream
// is imported.
void forget_truncation(NewEvent& event);

}  // namespace eventstore
