#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "log/bounds_lookup.hpp"

namespace eventstore::log {

// What scavenging leaves of an event.
enum class Fate : std::uint8_t {
  Kept,  // as it is, husk or not
  Husk,  // its place, stream and id alone
  Hole,  // nothing
};

// Tells what is to be left of the events of a log: what reads of a stream hide is deleted. Its id
// is remembered for a time, the last event of each stream for ever.
//
// Ownership: keeps the snapshot.
// Threads:   one at a time.
class DeletedEvents {
 public:
  // `now`: the time by the clock. Ids are forgotten where they were recorded longer than
  // `id_retention` ago.
  DeletedEvents(const Snapshot& snapshot, std::uint64_t secret, Timestamp now,
                std::chrono::seconds id_retention);

  // Of the events of a stream, those that were appended first become holes, then come husks, then
  // those that are kept.
  Result<Fate> fate_of(const StoredEvent& event);

 private:
  struct Known {
    StreamVersion first_kept;
    std::optional<StreamVersion> last = {};  // absent: not asked for yet
  };
  Result<Known*> known(std::string_view stream);

  const Snapshot snapshot_;
  const std::uint64_t secret_;
  const Timestamp now_;
  const Timestamp oldest_id_;
  KnownStreams<Known> known_;
};

}  // namespace eventstore::log
