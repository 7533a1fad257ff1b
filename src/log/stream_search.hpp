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
Result<Posting> search_stream(LogReader& reader, const IndexRun& run, const KeyEntry& entry,
                              Posting end, const std::function<bool(const StoredEvent&)>& reached);

// The last version of a stream that `snapshot` shows; 0 where it shows none.
Result<StreamVersion> visible_version(const Snapshot& snapshot, const Key& stream);

// The first version of a stream that was recorded at `time` or later; the next to come if none was.
Result<StreamVersion> first_version_since(const Snapshot& snapshot, const Key& stream,
                                          Timestamp time);

// Where the event of a stream with this version is, or the first one behind it; absent if the
// snapshot shows none.
Result<std::optional<GlobalPosition>> position_of_version(const Snapshot& snapshot,
                                                          const Key& stream, StreamVersion version);

// The last visible posting of `entry` in run `ordinal`; absent where all of them are beyond the
// head.
Result<std::optional<Posting>> last_visible(const Snapshot& snapshot, std::size_t ordinal,
                                            const KeyEntry& entry);

}  // namespace eventstore::log
