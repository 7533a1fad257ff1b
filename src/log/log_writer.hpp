#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "eventstore/append.hpp"
#include "log/append_group.hpp"
#include "log/log_tail.hpp"
#include "log/prepared_append.hpp"
#include "log/recording_clock.hpp"

namespace eventstore::log {

// An append on its way through the writer.
struct PendingAppend {
  PreparedAppend append;
  Result<AppendResult> result = AppendResult{};
  AppendCallback callback = {};  // of asynchronous ones
  // The group that it is going to be committed with; the queue's.
  std::atomic<std::uint32_t> epoch = 0;
};

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
  Result<void> still_wanted(const RequestContext& context) const;

  Environment environment_;
  LogTail& tail_;
  RecordingClock clock_;
};

}  // namespace eventstore::log
