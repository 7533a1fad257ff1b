#include "log/log_writer.hpp"

#include <utility>

#include "core/mapped_access.hpp"
#include "log/clean_failure.hpp"
#include "log/damage.hpp"

namespace eventstore::log {

namespace {

void break_chain(const RequestContext& context) {
  if (context.chain != nullptr) context.chain->break_off();
}

// Whether the chain of an append, if it has one, ends with this answer.
bool ends_chain(const RequestContext& context, const Result<AppendResult>& answer) {
  if (!answer) return true;
  return context.chain != nullptr && answer->repeated &&
         answer->last_position > context.chain->repeats_max();
}

}  // namespace

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
  if (auto wanted = still_wanted(context); !wanted) {
    pending.result = std::unexpected(std::move(wanted).error());
  } else {
    pending.result = accepted.decide(pending.append);
    // Only this process rewrites segments, and it has mapped those that it rewrote.
    if (!pending.result) pending.result = std::unexpected(lost_if_gone(pending.result.error()));
  }
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

Result<void> LogWriter::still_wanted(const RequestContext& context) const {
  if (context.chain != nullptr && context.chain->is_broken()) {
    return std::unexpected(
        Error{.code = ErrorCode::Cancelled,
              .message = "an append before this one in its chain failed; nothing was written"});
  }
  if (context.cancellation.stop_requested()) {
    return std::unexpected(Error{.code = ErrorCode::Cancelled,
                                 .message = "the append was cancelled; nothing was written"});
  }
  if (context.deadline && environment_.clock->monotonic_now() > *context.deadline) {
    return std::unexpected(
        Error{.code = ErrorCode::DeadlineExceeded,
              .message = "the deadline passed before the append began; nothing was written"});
  }
  return {};
}

}  // namespace eventstore::log
