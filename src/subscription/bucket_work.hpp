#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/file_system.hpp"
#include "eventstore/consumer_group.hpp"
#include "eventstore/event.hpp"
#include "eventstore/position.hpp"

namespace eventstore::subscription {

// How far a bucket has come, as it is stored.
struct BucketProgress {
  std::uint32_t bucket = 0;
  GlobalPosition position;     // its events up to here are answered
  std::uint32_t attempts = 0;  // deliveries of the event right after `position`, not answered
  friend bool operator==(const BucketProgress&, const BucketProgress&) = default;
};

// A delivery that has not been answered.
struct OpenDelivery {
  std::uint32_t bucket = 0;
  std::uint32_t attempt = 1;
  bool is_replayed = false;
  bool is_settling = false;  // its answer is being stored
  Deadline due;              // when it counts as unanswered
};

// What one member of a group has to do, in memory: the events of its buckets that have been read
// and not answered. It knows neither threads nor clocks nor databases: its owner does, and tells.
//
// Of each bucket one event at a time is out. What waits to be delivered again holds its bucket, and
// the bucket's position; other buckets go on. Events are delivered in the order of their positions
// where buckets allow, so that few buckets are far ahead of the others.
//
// Threads: one at a time.
class BucketWork {
 public:
  struct Limits {
    std::size_t events_max = 4096;  // in memory; a delivery read may go beyond by its own size
    std::size_t bytes_max = std::size_t{16} << 20;
  };

  // `settings` and `random` outlive it.
  BucketWork(const ConsumerGroupSettings& settings, RandomSource& random)
      : BucketWork(settings, random, Limits{}) {}
  BucketWork(const ConsumerGroupSettings& settings, RandomSource& random, const Limits& limits)
      : settings_(settings), random_(random), limits_(limits) {}

  // --- Which buckets it has.

  void take(const BucketProgress& stored);
  void drop(std::uint32_t bucket);  // with all that was open there
  void drop_all();
  bool has(std::uint32_t bucket) const { return buckets_.contains(bucket); }
  std::size_t bucket_count() const { return buckets_.size(); }
  std::vector<std::uint32_t> buckets() const;

  // Keeps `count` buckets. Of the others it delivers nothing more; idle ones are chosen first.
  void keep(std::size_t count);
  // Those that are not kept and have nothing out.
  std::vector<BucketProgress> to_give() const;
  bool gives_idle() const;  // whether there are any

  // --- How far they have come.

  // Everything up to here is answered, in all buckets but those left out. Absent without buckets.
  std::optional<GlobalPosition> lowest() const;
  // Progress that `lowest` and what is stored do not tell.
  std::vector<BucketProgress> unstored(GlobalPosition lowest) const;
  void mark_stored(std::span<const BucketProgress> progress);
  std::uint64_t answered_count() const { return answered_count_; }

  // --- What is read for them.

  bool wants_events() const;
  // Where to begin to read anew, since a bucket needs events from before what is read.
  std::optional<GlobalPosition> reread_after() const;
  void rereads_after(GlobalPosition position);
  // Where reading is; absent where nothing has been read since the first bucket was taken.
  std::optional<GlobalPosition> read_up_to() const { return read_up_to_; }
  // Where memory is full of events behind one that waits to be delivered again, gives those up:
  // they are read anew later. Returns whether there were any.
  bool make_room();
  // A delivery of the subscription. Keeps copies of what is its own.
  void push(std::span<const EventView> events, GlobalPosition position);

  // --- Deliveries and answers. Positions that are not out are no fault: absent or false.

  std::optional<GroupDelivery> deliver(Deadline now);
  const OpenDelivery* find(GlobalPosition position) const;
  const RecordedEvent* event_of(GlobalPosition position) const;
  std::size_t open_count() const { return open_.size(); }
  std::optional<GlobalPosition> first_open() const;
  // Dealt with for good.
  bool finish(GlobalPosition position);
  // To be delivered again, after the group's pause or at once.
  bool retry_later(GlobalPosition position, Deadline now);
  bool retry_now(GlobalPosition position);
  void set_settling(GlobalPosition position, bool is_settling);
  std::vector<GlobalPosition> overdue(Deadline now) const;
  // When the next delivery is overdue; when the next pause ends.
  std::optional<Deadline> next_overdue() const;
  std::optional<Deadline> next_pause_end() const;

  // --- Keys behind a parked event (holds_behind_parked).

  void hold(std::string key);
  void release(const std::string& key);
  void set_held(std::set<std::string> keys);
  bool has_held_events() const { return !held_.empty(); }
  // Events at the front of their buckets that are to be parked: per bucket those with held keys.
  std::vector<const RecordedEvent*> held_events(std::size_t limit) const;
  void finish_held(GlobalPosition position, std::uint32_t bucket);

  // --- Parked events to be delivered again: before a bucket's others, in order.

  struct Replay {
    std::uint32_t attempts = 0;
    RecordedEvent event;
  };
  bool has_replay(std::uint32_t bucket, GlobalPosition position) const;
  void add_replay(std::uint32_t bucket, const Replay& replay);
  // Leaves only those at `positions`, and what is out.
  void keep_replays(const std::set<GlobalPosition>& positions);
  void drop_replays_of_key(std::uint32_t bucket, const std::string& key);

 private:
  struct Waiting {
    RecordedEvent event;
    std::uint32_t attempts = 0;  // deliveries so far
  };
  struct Bucket {
    // Its events up to here are answered or in `events`; and, unless it rereads, up to where
    // reading is.
    GlobalPosition read_up_to;
    bool rereads = false;  // events after read_up_to have been passed by
    bool is_given = false;
    std::deque<Waiting> events = {};
    std::map<GlobalPosition, Replay> replays = {};
    std::optional<GlobalPosition> open = {};  // the delivery that is out
    std::optional<Deadline> paused_until = {};
    GlobalPosition answered = {};  // the last event that was
    BucketProgress stored = {};
  };
  using Buckets = std::map<std::uint32_t, Bucket>;

  GlobalPosition position_of(const Bucket& bucket) const;
  BucketProgress progress_of(std::uint32_t number, const Bucket& bucket) const;
  bool is_held(const RecordedEvent& event) const;
  static std::size_t bytes_of(const RecordedEvent& event);
  void pop_front(std::uint32_t number, Bucket& bucket);
  void forget_events(Bucket& bucket, std::size_t keep);
  // Takes the bucket out of, and puts it where it belongs among, those below.
  void unlist(std::uint32_t number, const Bucket& bucket);
  void list(std::uint32_t number, const Bucket& bucket);
  void drop(Buckets::iterator at);
  Bucket* close(GlobalPosition position);

  const ConsumerGroupSettings& settings_;
  RandomSource& random_;
  const Limits limits_;
  Buckets buckets_;
  std::optional<GlobalPosition> read_up_to_;
  std::map<GlobalPosition, OpenDelivery> open_;
  // Each bucket is in one of these at most: by what it delivers next, by the end of its pause, or
  // because an event is to be parked first.
  std::set<std::pair<GlobalPosition, std::uint32_t>> ready_;
  std::set<std::pair<Deadline, std::uint32_t>> paused_;
  std::set<std::uint32_t> held_;
  std::set<std::uint32_t> rereading_;  // buckets that need what was passed by, and have no events
  std::set<std::string> held_keys_;
  std::size_t given_count_ = 0;
  std::size_t event_count_ = 0;
  std::size_t byte_count_ = 0;
  std::uint64_t answered_count_ = 0;
};

}  // namespace eventstore::subscription
