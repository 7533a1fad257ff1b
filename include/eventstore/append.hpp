#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "eventstore/event.hpp"
#include "eventstore/query.hpp"
#include "eventstore/result.hpp"
#include "eventstore/time.hpp"

namespace eventstore {

// What an append requires of a stream's version before it. Where all of a stream is deleted,
// no_stream() and exactly(0) hold as well as exactly() of its last version, and stream_exists()
// does not.
class ExpectedVersion {
 public:
  enum class Kind : std::uint8_t { Any, NoStream, StreamExists, Exactly };

  static constexpr ExpectedVersion any() { return ExpectedVersion(Kind::Any, {}); }
  static constexpr ExpectedVersion no_stream() { return ExpectedVersion(Kind::NoStream, {}); }
  static constexpr ExpectedVersion stream_exists() {
    return ExpectedVersion(Kind::StreamExists, {});
  }
  // exactly(0) means the same as no_stream().
  static constexpr ExpectedVersion exactly(StreamVersion version) {
    return ExpectedVersion(Kind::Exactly, version);
  }

  constexpr Kind kind() const { return kind_; }
  constexpr StreamVersion version() const { return version_; }  // of Exactly
  bool holds_for(StreamVersion actual) const;
  std::string to_string() const;  // "any", "no_stream", "stream_exists" or the number

 private:
  constexpr ExpectedVersion(Kind kind, StreamVersion version) : kind_(kind), version_(version) {}
  Kind kind_;
  StreamVersion version_;
};

// A requirement on one stream, whether or not the append writes to it. The stream's version is the
// one before the append.
struct StreamCheck {
  std::string stream;
  ExpectedVersion expected = ExpectedVersion::any();
};

// Keeps appends that are sent without waiting for each other in order: they commit in the order
// they were sent, and once one of a chain fails, those that have not committed by then fail with
// Cancelled and write nothing. For a new try make a new chain.
//
// A chain may be told up to which position repetitions (AppendResult::repeated) are fine: one of
// later events ends it too, so that its sender can look at what it has sent twice before it goes
// on.
//
// Ownership: shared by the appends of the chain.
// Threads:   safe from any thread.
class AppendChain {
 public:
  AppendChain() = default;
  explicit AppendChain(GlobalPosition repeats_max) : repeats_max_(repeats_max) {}

  bool is_broken() const { return broken_.load(std::memory_order_acquire); }
  void break_off() { broken_.store(true, std::memory_order_release); }  // engines do
  GlobalPosition repeats_max() const { return repeats_max_; }

 private:
  const GlobalPosition repeats_max_{std::numeric_limits<std::uint64_t>::max()};
  std::atomic<bool> broken_ = false;
};

// Who asks, and for how long the answer is of use. Nothing of it is stored with the events.
struct RequestContext {
  std::string principal = {};               // who asks
  std::string trace = {};                   // W3C traceparent
  std::optional<Deadline> deadline = {};    // an append not begun by then fails: DeadlineExceeded
  std::stop_token cancellation = {};        // an append not begun by then fails: Cancelled
  std::shared_ptr<AppendChain> chain = {};  // null: of no chain
};

// One atomic append: all of `events`, or none. Streams may interleave freely. Without events it
// only checks.
struct AppendRequest {
  std::vector<NewEvent> events = {};
  std::vector<StreamCheck> checks = {};  // at most one a stream
  std::optional<AppendCondition> condition = {};
  RequestContext context = {};
  bool system = false;  // required for streams and types that start with '$'
};

// The version of a stream after an append, for each stream it wrote, in order of first appearance.
struct StreamOutcome {
  std::string stream;
  StreamVersion version;
  friend bool operator==(const StreamOutcome&, const StreamOutcome&) = default;
};

struct AppendResult {
  // Of the request's first and last event. Without events: both the head the checks held at.
  GlobalPosition first_position = {};
  GlobalPosition last_position = {};
  std::vector<StreamOutcome> streams = {};
  bool repeated = false;  // it was there already; nothing was written
};

using AppendCallback = std::move_only_function<void(Result<AppendResult>)>;

}  // namespace eventstore
