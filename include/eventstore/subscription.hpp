#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "eventstore/event.hpp"
#include "eventstore/event_store.hpp"
#include "eventstore/read.hpp"
#include "eventstore/result.hpp"
#include "eventstore/state.hpp"
#include "eventstore/time.hpp"

namespace eventstore {

// What a subscription delivers: the events that match all that is given.
struct SubscriptionFilter {
  Selector selector = SelectAll{};
  std::vector<std::string> types = {};  // if not empty: only events of one of these types
  std::string stream_prefix = {};       // only events of streams whose name starts so
  // Only events whose stream, or type, has a part that matches this regular expression of RE2,
  // which takes time linear in the name. Anchor it (^, $) to match the whole name. Empty: any.
  std::string stream_pattern = {};
  std::string type_pattern = {};
  bool include_system = false;
};

// Where a subscription begins.
struct FromStart {};
struct FromEnd {};  // with what is appended after it was opened
struct AfterPosition {
  GlobalPosition position;  // usually a checkpoint
};
struct SinceTime {
  Timestamp time;  // with the first event recorded at that time or later
};
using SubscriptionStart = std::variant<FromStart, FromEnd, AfterPosition, SinceTime>;

struct SubscriptionRequest {
  SubscriptionFilter filter = {};
  SubscriptionStart start = FromStart{};
  // A delivery has at most so many events. At least 1.
  std::size_t batch_events_max = 1024;
};

enum class SubscriptionSignal : std::uint8_t {
  None,
  CaughtUp,    // all that was stored has been delivered; what follows comes as it is appended
  FellBehind,  // the subscriber was too slow for that, and is reading what is stored again
};

// What a subscription gives at once. Events first, then the signal.
struct Delivery {
  std::span<const EventView> events = {};  // that match, in order; may be none
  // Every event up to here that matches has been delivered, with this delivery or before: where to
  // go on after these events are dealt with. It moves through events that do not match, too.
  GlobalPosition position;
  SubscriptionSignal signal = SubscriptionSignal::None;
};

// Ordered delivery of events from a position on: what is stored, then what is appended, each once,
// none left out.
//
// What it has delivered is dealt with before it is asked for more, so that nothing piles up: while
// a subscriber is busy the subscription keeps no more than a batch, and reads what it has missed
// from the store.
//
// Ownership: a delivery and what its views point to are valid until the next call or the
//            subscription's end. Must not outlive its Subscriptions.
// Threads:   one at a time.
class Subscription {
 public:
  Subscription() = default;
  virtual ~Subscription() = default;
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  // Waits until there is something new: events, a signal, or a position that has moved on.
  //
  // Fails with DeadlineExceeded or Cancelled where there is nothing until then; else as
  // EventStore::read() and Cursor::next() do. After a failure the next call goes on from
  // position(). A look at what is stored that has begun ends when it is cancelled, but not at the
  // deadline. What the reader of all who are live fails with comes to each of them, while it tries
  // again.
  virtual Result<Delivery> next(Deadline deadline, std::stop_token cancellation = {}) = 0;

  // That of the last delivery; before the first, where it begins.
  virtual GlobalPosition position() const = 0;

  // Whether it has caught up and not fallen behind since.
  virtual bool is_live() const = 0;
};

struct SubscriptionsOptions {
  // What was appended last is in memory for those who are live: about so many bytes, shared by all.
  // Who is further behind reads from the store. Less than 64 KiB counts as that.
  std::size_t tail_bytes_max = std::size_t{16} << 20;
};

// How far somebody who has come to some position is behind a store's head.
struct Lag {
  GlobalPosition head;
  std::uint64_t positions = 0;          // in between
  std::chrono::microseconds time = {};  // how long the first event in between has been there
};

// `now` is by a clock like that of recorded_at. Fails as EventStore::read() and Cursor::next().
Result<Lag> lag_of(EventStore& store, GlobalPosition position, Timestamp now);

// What a subscriber does with events, where a thread of the library is to call it.
//
// Threads: called by one at a time.
class SubscriptionHandler {
 public:
  virtual ~SubscriptionHandler() = default;

  // Deals with one event. A failure ends the subscription (so does an exception, which becomes
  // one); its checkpoint is then that of the event handled before it, at most.
  virtual Result<void> handle(const EventView& event) = 0;

  // Everything up to `position` has been dealt with. Called after each delivery, and after the part
  // of one that was handled before the checkpoint is stored, a stop or a failure of handle(): who
  // gathers events in handle() writes them here. After a failure the checkpoint does not move.
  virtual Result<void> reached(GlobalPosition position);
  virtual void caught_up() {}
  virtual void fell_behind() {}
};

// Where a running subscription keeps its checkpoint, to go on there the next time. Delivery is at
// least once: after a crash the events since the last checkpoint stored come again.
struct DurableCheckpoint {
  StateDatabase* state = nullptr;  // outlives the subscription
  std::string name;                // as store_checkpoint() takes it
  // It is stored at the latest after so long or so many events, and when the subscription ends.
  std::chrono::milliseconds every = std::chrono::seconds(1);
  std::uint64_t every_events = 1000;
};

struct RunOptions {
  // With one that is there already, the request's start does not count; else the start is stored at
  // once. Where somebody else moves it, the subscription ends with InvalidArgument.
  std::optional<DurableCheckpoint> checkpoint = {};
  // Failures of the store that are retryable are tried again, after pauses from the first to the
  // second length, with the last error given here; others end it.
  std::chrono::milliseconds pause_min = std::chrono::milliseconds(10);
  std::chrono::milliseconds pause_max = std::chrono::seconds(10);
  std::function<void(const Error&)> on_retry = {};
};

// A subscription with a thread of its own.
//
// Ownership: destroying it stops it, and waits for the handler to return.
// Threads:   safe from any thread; the handler must not destroy it.
class RunningSubscription {
 public:
  RunningSubscription() = default;
  virtual ~RunningSubscription() = default;
  RunningSubscription(const RunningSubscription&) = delete;
  RunningSubscription& operator=(const RunningSubscription&) = delete;

  // Delivers no more; waits until the handler has returned and the checkpoint is stored. Fails with
  // DeadlineExceeded where that is not in time (it stops all the same), or as failure() tells.
  virtual Result<void> stop(Deadline deadline) = 0;

  // Waits until it has ended by itself, which is a failure; or with DeadlineExceeded.
  virtual Result<void> wait(Deadline deadline) = 0;

  // What ended it.
  virtual std::optional<Error> failure() const = 0;
  virtual GlobalPosition position() const = 0;
  virtual bool is_live() const = 0;
};

// The subscriptions of one store in this process: those that are live share one reader of what is
// appended, however many there are.
//
// Ownership: borrows the store; must outlive its subscriptions.
// Threads:   safe from any thread.
class Subscriptions {
 public:
  explicit Subscriptions(EventStore& store, const SubscriptionsOptions& options = {});
  ~Subscriptions();
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  // Fails with InvalidArgument (a regular expression, a query, a start beyond the head: the store
  // is not the one that the checkpoint is of), LimitExceeded, or as EventStore::read() does.
  Result<std::unique_ptr<Subscription>> open(SubscriptionRequest request);

  // The same with a thread that calls `handler`, which must outlive it. Fails also as
  // load_checkpoint() does.
  Result<std::unique_ptr<RunningSubscription>> run(SubscriptionRequest request,
                                                   SubscriptionHandler& handler,
                                                   RunOptions options = {});

  EventStore& store() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eventstore
