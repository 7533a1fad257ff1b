#include "log/log_writer.hpp"

#include <utility>

#include "core/append_context.hpp"
#include "core/campaign_hooks.hpp"
#include "core/mapped_access.hpp"
#include "log/clean_failure.hpp"
#include "log/damage.hpp"

namespace eventstore::log {

LogWriter::LogWriter(Environment environment, LogTail& tail)
    : environment_(environment),
      tail_(tail),
      clock_(*environment.clock, tail.recorded_at(), tail.settings()) {}

void LogWriter::commit(std::span<PendingAppend* const> group) {
  const MappedAccess access;
  std::uint64_t bytes = 0;
  for (const auto* pending : group) bytes += pending->append.size();
  if (bytes != 0) bytes += kFrameHeaderBytes;
  if (auto room = tail_.make_room(bytes); !room) {
    if (!is_clean(room.error())) return answer_all(group, room.error());
    for (auto* pending : group) decide_without_room(*pending, room.error());
    return;
  }

  AppendGroup accepted(tail_, clock_.now());
  for (auto* pending : group) decide(*pending, accepted);
  if (accepted.empty()) return;

  auto frame = accepted.frame(clock_.now());
  if (auto appended = tail_.append(frame, accepted.bodies()); !appended) {
    accepted.withdraw();
    return answer_all(group, appended.error());
  }
  tail_.publish();
}

void LogWriter::decide(PendingAppend& pending, AppendGroup& accepted) const {
  const auto& context = pending.append.context();
  if (auto wanted = still_wanted(context, environment_.clock->monotonic_now()); !wanted) {
    pending.result = std::unexpected(std::move(wanted).error());
  } else {
    pending.result = accepted.decide(pending.append);
    // Only this process rewrites segments, and it has mapped those that it rewrote.
    if (!pending.result) pending.result = std::unexpected(lost_if_gone(pending.result.error()));
  }
  if (is_planted(Plant::ChainGoesOn)) return;
  if (ends_chain(context, pending.result)) break_chain(context);
}

// What needs no room, a repetition, a conflict or a check, is answered all the same.
void LogWriter::decide_without_room(PendingAppend& pending, const Error& no_space) {
  AppendGroup alone(tail_, clock_.now());
  decide(pending, alone);
  if (alone.empty()) return;
  alone.withdraw();
  pending.result = std::unexpected(no_space);
  break_chain(pending.append.context());
}

// What a member was told depends on the members before it: without the frame nobody's answer holds.
void LogWriter::answer_all(std::span<PendingAppend* const> group, const Error& error) {
  for (auto* pending : group) {
    pending->result = std::unexpected(error);
    break_chain(pending->append.context());
  }
}

}  // namespace eventstore::log
