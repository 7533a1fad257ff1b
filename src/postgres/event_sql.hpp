#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/read.hpp"
#include "postgres/rows.hpp"
#include "postgres/sql_builder.hpp"
#include "postgres/stored_state.hpp"

namespace eventstore::postgres {

// Which events of one month a statement selects.
struct EventSelection {
  // What of. Of a stream, by its key where that is known, else by the selector's name.
  const Selector* selector = nullptr;
  StreamId stream_id = 0;
  Direction direction = Direction::Forwards;
  // Positions (of a stream: versions), smallest and greatest, both included.
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t limit = 0;
  // Filters. Empty or absent: none.
  const std::vector<std::string>* types = nullptr;
  std::string_view stream_prefix = {};
  // Leaves out what is truncated by events up to this position.
  std::optional<GlobalPosition> deleted_up_to = {};
  // Leaves out the store's own events, and husks; a reader can do that itself.
  bool strict = false;
};

// Events with both payloads up to so many bytes come with them; of others the statement tells only
// how large they are, so that what it gives takes a bounded amount of memory.
inline constexpr std::uint64_t kInlineBytesMax = 16384;

// A statement that gives events, with the columns of EventColumn.
SqlBuilder events_sql(const EventSelection& selection, const std::string& schema,
                      const std::string& suffix);

// A statement that gives their positions alone.
SqlBuilder positions_sql(const EventSelection& selection, const std::string& schema,
                         const std::string& suffix);

// A statement that gives position, metadata and data of some events.
SqlBuilder payloads_sql(std::span<const std::uint64_t> positions, const std::string& schema,
                        const std::string& suffix);

enum class EventColumn : std::uint8_t {
  Position,
  Version,
  Id,
  RecordedAt,
  OccurredAt,
  SchemaVersion,
  Format,
  LastOfAppend,
  Stream,
  Type,
  Tags,
  Bytes,  // of metadata and data
  Metadata,
  Data,
};

}  // namespace eventstore::postgres
