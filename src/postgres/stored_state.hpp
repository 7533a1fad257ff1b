#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/stream_bounds.hpp"
#include "eventstore/event_store.hpp"
#include "postgres/months.hpp"

namespace eventstore::postgres {

// The streams' keys in the database: the position of a stream's first event, or minus that of the
// metadata that named it before it had any.
using StreamId = std::int64_t;

// What a stream is in the database.
struct StoredStream {
  StreamId id = 0;  // 0: never named
  StreamVersion version = {};
  Month month = {};  // of its last event
  StreamBounds bounds = {};
};

// Where the event of an id is, and the attempt that stored it; 0: one that was given no ids.
struct StoredId {
  EventLocation location;
  std::uint64_t attempt = 0;
};

// What a group of appends has to know of the store, as it is while the lock is held.
struct StoredState {
  Month last_month = {};
  GlobalPosition head = {};
  Uuid head_id = {};           // of the event there; nil: not asked for
  Timestamp recorded_at = {};  // of the event at the head
  Timestamp now = {};          // by the server's clock
  std::unordered_map<std::string_view, StoredStream> streams = {};  // all that were asked for
  std::map<std::pair<std::string_view, Uuid>, StoredId> ids = {};
  // Of what is remembered, not looked up. Nothing is known of ids then, and these streams are taken
  // for new because an append expects that.
  bool is_remembered = false;
  std::vector<std::string_view> taken_for_new = {};
  // By the append's ordinal in the group: the first event that matches its condition.
  std::unordered_map<std::size_t, GlobalPosition> matches = {};
};

}  // namespace eventstore::postgres
