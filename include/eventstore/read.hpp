#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "eventstore/event.hpp"
#include "eventstore/query.hpp"
#include "eventstore/result.hpp"
#include "eventstore/time.hpp"

namespace eventstore {

// What a read selects. `all`, category and query reads leave out the store's own events unless
// ReadRequest::include_system is set; a stream is read as it is.
struct SelectAll {};
struct SelectStream {
  std::string stream;
};
struct SelectCategory {
  std::string category;
};
using Selector = std::variant<SelectAll, SelectStream, SelectCategory, Query>;

enum class Direction : std::uint8_t { Forwards, Backwards };

struct ReadRequest {
  Selector selector = SelectAll{};
  Direction direction = Direction::Forwards;
  // The first position (for a stream: the first version) that may be returned, inclusive. Absent:
  // from the beginning forwards, from the head backwards.
  std::optional<std::uint64_t> from = {};
  // The last position (version) that may be returned, in reading direction, inclusive.
  std::optional<std::uint64_t> to = {};
  std::optional<std::uint64_t> limit = {};  // at most so many events; 0 reads the head alone
  std::vector<std::string> types = {};      // if not empty: only events of one of these types
  std::string stream_prefix = {};           // only events of streams whose name starts so
  bool include_system = false;
  bool copy = false;  // views then point into memory of the cursor, not into the store's files
  std::optional<Deadline> deadline = {};
  std::stop_token cancellation = {};
};

// A read under way. It sees the store as of head(): events that come later are not part of it.
//
// Ownership: a batch and what its views point to are valid until the next call or the cursor's end.
//            A cursor must not outlive its store.
// Threads:   one thread at a time.
class Cursor {
 public:
  Cursor() = default;
  virtual ~Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // The next events in reading order; an empty batch is the end, then and from then on.
  //
  // Fails with Corruption where stored bytes fail their checks or are gone (what came before was
  // good), Archived where they are of a month that is detached, DeadlineExceeded, Cancelled,
  // OutOfResources or Io; of a store that was opened read-only, or on a server, also as
  // EventStore::head() does. After a failure the cursor stays failed.
  virtual Result<std::span<const EventView>> next() = 0;

  // The store's last position when this read was opened.
  virtual GlobalPosition head() const = 0;
};

}  // namespace eventstore
