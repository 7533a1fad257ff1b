#pragma once

#include <cstdint>
#include <optional>

#include "core/file_system.hpp"
#include "eventstore/position.hpp"
#include "eventstore/result.hpp"
#include "eventstore/subscription.hpp"
#include "eventstore/time.hpp"

namespace eventstore::subscription {

// Keeps the durable checkpoint of one subscription: says when it is to be stored, and stores it.
//
// Threads: one at a time.
class CheckpointKeeper {
 public:
  // Fails with InvalidArgument, or as load_checkpoint() does.
  static Result<CheckpointKeeper> load(DurableCheckpoint checkpoint, Clock& clock);

  // What was stored before; absent where nothing was.
  std::optional<GlobalPosition> loaded() const { return loaded_; }

  // The subscription begins here: what is stored is to say so at once.
  void begin(GlobalPosition position);

  // One more event has been handled. Answers whether to store now, once it is reached().
  bool count_handled();

  // Everything up to `position` has been dealt with, and may be stored.
  void reached(GlobalPosition position);

  // When what was reached is to be stored; the end of time where it is.
  Deadline due() const { return due_; }
  bool is_due() const { return clock_->monotonic_now() >= due_; }
  bool is_stored() const { return due_ == Deadline::max(); }

  // Stores what was reached. Where nobody knows whether that was done, doing it again finds out.
  //
  // Fails with InvalidArgument where somebody else has moved the checkpoint; or as
  // store_checkpoint().
  Result<void> store();

 private:
  CheckpointKeeper(DurableCheckpoint checkpoint, Clock& clock);

  DurableCheckpoint checkpoint_;
  Clock* clock_;
  std::optional<GlobalPosition> loaded_;
  GlobalPosition stored_ = {};  // 0: nothing is
  GlobalPosition reached_ = {};
  std::uint64_t events_ = 0;  // handled since it was stored
  Deadline due_ = Deadline::max();
};

}  // namespace eventstore::subscription
