#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/event_store.hpp"
#include "postgres/connection.hpp"
#include "postgres/months.hpp"
#include "postgres/seen_head.hpp"
#include "postgres/store_settings.hpp"
#include "postgres/stored_state.hpp"

namespace eventstore::postgres {

// What is known of a stream that was named, as of a head.
struct SeenStream {
  StreamId id = 0;  // 0: never named
  StreamVersion version = {};
  GlobalPosition last_position = {};
  StreamBounds bounds = {};
  // Where it has events, in order. Those of a later month begin behind `version`: not seen yet.
  struct Part {
    Month month;
    StreamVersion first_version;
    friend bool operator==(const Part&, const Part&) = default;
  };
  std::vector<Part> parts = {};
};

// The bounds in a row, from column `first` on: truncate before, max count, max age, tombstone.
StreamBounds bounds_in(const Rows& rows, int row, int first);

// Looks up streams, as they were at a head.
//
// Ownership: borrows all it is made of.
// Threads:   one at a time.
class StreamLookup {
 public:
  StreamLookup(const StoreSettings& settings, Connection& connection, const SeenHead& seen,
               Deadline deadline)
      : settings_(settings), connection_(connection), seen_(seen), deadline_(deadline) {}

  // In the order of the names.
  Answer<std::vector<SeenStream>> streams(std::span<const std::string_view> names);

  // Fills in the last event of streams of which all else is known; parts that began behind the head
  // go.
  Answer<void> add_last(std::span<SeenStream> streams);

  // The first version that a read of the stream shows, retention included; greater than the last
  // where it shows none.
  Answer<StreamVersion> first_readable(const SeenStream& stream);

  // Absent for names that have no events. In the order of the names.
  Answer<std::vector<std::optional<StreamInfo>>> infos(std::span<const std::string_view> names);

  Answer<std::vector<StreamInfo>> list(const ListStreamsRequest& request);

 private:
  // Of streams whose last part is that month; where they have no event there yet, the part goes.
  Answer<void> add_last(Month month, std::span<SeenStream* const> streams);
  // Of those of `streams` whose first readable version lies in `month`.
  Answer<void> add_first_positions(const StoredMonth& month, std::span<const SeenStream> streams,
                                   std::span<const std::size_t> which,
                                   std::span<std::optional<StreamInfo>> infos);

  const StoreSettings& settings_;
  Connection& connection_;
  const SeenHead& seen_;
  const Deadline deadline_;
};

}  // namespace eventstore::postgres
