#pragma once

#include <functional>
#include <optional>

#include "log/log_reader.hpp"
#include "log/log_view.hpp"

// Where a stream's events are, found in its posting lists by reading a few of them.
namespace eventstore::log {

Key stream_key(std::string_view stream, std::uint64_t secret);

// The smallest posting below `end` at and behind which all events of the stream that `entry` is of
// are `reached`; `end` if none is.
Result<Posting> search_stream(LogReader& reader, const Run& run, const KeyEntry& entry, Posting end,
                              const std::function<bool(const StoredEvent&)>& reached);

// The last version of a stream that `snapshot` shows; 0 where it shows none.
Result<StreamVersion> visible_version(const Snapshot& snapshot, const Key& stream);

// The first event of a stream at and behind which all are `reached`; absent if the snapshot shows
// none.
struct StreamPlace {
  StreamVersion version;
  GlobalPosition position;
};
Result<std::optional<StreamPlace>> first_reached(
    const Snapshot& snapshot, const Key& stream,
    const std::function<bool(const StoredEvent&)>& reached);

// The last visible posting of `entry` in run `ordinal`; absent where all of them are beyond the
// head.
Result<std::optional<Posting>> last_visible(const Snapshot& snapshot, std::size_t ordinal,
                                            const KeyEntry& entry);

}  // namespace eventstore::log
