#pragma once

#include <span>

#include "core/append_queue.hpp"
#include "log/append_group.hpp"
#include "log/log_tail.hpp"
#include "log/prepared_append.hpp"
#include "log/recording_clock.hpp"

namespace eventstore::log {

using PendingAppend = eventstore::PendingAppend<PreparedAppend>;

// Commits groups of appends: decides each, writes what was accepted as one frame, syncs and
// publishes it. Every step happens in the caller's thread, so that a simulation can drive it.
//
// Threads: one at a time.
class LogWriter {
 public:
  LogWriter(Environment environment, LogTail& tail);

  // Fills in the result of every append of the group.
  void commit(std::span<PendingAppend* const> group);

 private:
  void decide(PendingAppend& pending, AppendGroup& accepted) const;
  void decide_without_room(PendingAppend& pending, const Error& no_space);
  static void answer_all(std::span<PendingAppend* const> group, const Error& error);

  Environment environment_;
  LogTail& tail_;
  RecordingClock clock_;
};

}  // namespace eventstore::log
