#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/event_store.hpp"
#include "subscription/event_batch.hpp"

namespace eventstore::subscription {

// Every event of the store after one position up to another, its own events included.
struct TailBatch {
  GlobalPosition after;
  GlobalPosition up_to = {};
  EventBatch events = {};
};

// Reads what is appended, once for all who follow the store's tail, and keeps what came last: a
// window of batches, each beginning where the one before it ends. With nobody to follow it reads
// nothing and keeps nothing.
//
// Who follows takes batch after batch at its own pace. Whoever comes back after the window has
// moved past its position has fallen behind, and nobody has waited for it.
//
// Ownership: borrows the store and the environment. Its thread starts with the first who joins.
// Threads:   safe from any thread.
class TailReader {
 public:
  // The window holds about `bytes_max`, and always the newest batch.
  TailReader(EventStore& store, const Environment& environment, std::size_t bytes_max);
  ~TailReader();
  TailReader(const TailReader&) = delete;
  TailReader& operator=(const TailReader&) = delete;

  // One more follows, who knows all events up to `position`. False: the window begins later, so
  // that it has more to read first; it does not follow then.
  bool join(GlobalPosition position) EXCLUDES(mutex_);
  // One who has joined no longer follows.
  void leave() EXCLUDES(mutex_);

  // The failures of the store that somebody has been told of.
  using FailureCount = std::uint64_t;

  // For one who follows, and knows all events up to `position`: the batch that has the next ones,
  // as soon as there is one. Null: it has fallen behind.
  //
  // Fails with DeadlineExceeded or Cancelled; or as the store did when the tail was read last, once
  // for each time, which `told` counts: the tail goes on to try.
  Result<std::shared_ptr<const TailBatch>> take(GlobalPosition position, FailureCount& told,
                                                Deadline deadline,
                                                const std::stop_token& cancellation)
      EXCLUDES(mutex_);

  // What the window holds.
  std::size_t bytes() const EXCLUDES(mutex_);

 private:
  // Where the thread reads on. A life of the window lasts from the first who joins to the last who
  // leaves; what was read for another one is not of the window.
  struct Place {
    GlobalPosition position;
    std::uint64_t life;
    std::stop_token life_end;
  };

  void run(const std::stop_token& stop) EXCLUDES(mutex_);
  std::optional<Place> next_place(const std::stop_token& stop) EXCLUDES(mutex_);
  Result<void> read_on(const Place& place) EXCLUDES(mutex_);
  bool publish(std::shared_ptr<const TailBatch> batch, std::uint64_t life) EXCLUDES(mutex_);
  void failed(Error error) EXCLUDES(mutex_);
  void succeeded() EXCLUDES(mutex_);

  EventStore& store_;
  const Environment& environment_;
  Clock& clock_;
  const std::size_t bytes_max_;

  mutable Mutex mutex_;
  std::condition_variable_any followed_;  // for the thread: somebody has joined
  std::condition_variable_any news_;      // for those who follow
  std::deque<std::shared_ptr<const TailBatch>> window_ GUARDED_BY(mutex_);
  std::size_t window_bytes_ GUARDED_BY(mutex_) = 0;
  GlobalPosition begin_ GUARDED_BY(mutex_) = {};  // the window has all events after this one,
  GlobalPosition end_ GUARDED_BY(mutex_) = {};    // up to this one
  std::size_t followers_ GUARDED_BY(mutex_) = 0;
  std::uint64_t life_ GUARDED_BY(mutex_) = 0;
  std::stop_source life_end_ GUARDED_BY(mutex_);
  std::optional<Error> failure_ GUARDED_BY(mutex_);  // of the last attempt to read
  FailureCount failures_ GUARDED_BY(mutex_) = 0;
  std::jthread thread_ GUARDED_BY(mutex_);
};

}  // namespace eventstore::subscription
