#pragma once

#include <optional>
#include <string_view>

#include "eventstore/event_store.hpp"
#include "log/log_view.hpp"

// Questions about streams and ids, answered from the indexes of all runs, newest first.
namespace eventstore::log {

// The version of a stream by the newest index that knows it, events not yet durable included: for
// the writer alone.
Result<StreamVersion> latest_version(const RunList& runs, const Key& stream);

// As visible in `snapshot`. Absent: there is no such stream. `wall`: the time by the clock, which
// tells what is too old.
Result<std::optional<StreamInfo>> stream_info(const Snapshot& snapshot, std::string_view stream,
                                              std::uint64_t secret, Timestamp wall);

// Where the event with this id is in the stream, if it is visible in `snapshot`.
Result<std::optional<EventLocation>> find_event(const Snapshot& snapshot, std::string_view stream,
                                                const Uuid& id, std::uint64_t id_hash);

Result<std::vector<StreamInfo>> list_streams(const Snapshot& snapshot,
                                             const ListStreamsRequest& request,
                                             std::uint64_t secret, Timestamp wall);

// What deletion takes from the counts of a store.
struct HiddenCounts {
  std::uint64_t events = 0;
  std::uint64_t streams = 0;
};
Result<HiddenCounts> count_hidden(const Snapshot& snapshot, std::uint64_t secret);

}  // namespace eventstore::log
