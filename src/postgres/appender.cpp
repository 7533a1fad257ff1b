#include "postgres/appender.hpp"

#include <utility>

#include "core/append_context.hpp"
#include "postgres/backoff.hpp"
#include "postgres/history.hpp"

namespace eventstore::postgres {
namespace {

// The server gave up a transaction that may well go through the next time. kCheckViolation: the
// default tables do not take events of a month any more that others have just made tables for.
bool is_worth_another(const Failure& failure) {
  return failure.is_passing() || failure.sqlstate.starts_with("40") ||
         failure.is(kUniqueViolation) || failure.is(kCheckViolation);
}

void answer_failure(const PendingGroup& group, const Error& error) {
  for (std::size_t index = 0; index < group.members.size(); ++index) {
    auto& pending = *group.members[index];
    auto own = error;
    if (group.doubts[index] != PendingGroup::Doubt::None) {
      own.code = ErrorCode::OutcomeUnknown;
      own.message += "; the append may or may not be stored: append again with the same ids";
    } else {
      own.message += "; nothing was written";
    }
    pending.result = std::unexpected(std::move(own));
    break_chain(pending.append.context());
  }
}

}  // namespace

Appender::Appender(const StoreSettings& settings, KnownMonths& months, Published published)
    : settings_(settings), published_(std::move(published)), committer_(settings, months) {}

// Where the outcome of a transaction is not known, the same is done again: one that had the lock
// keeps it until the server has made up its mind, and ids that are there tell that it was done.
void Appender::commit(std::span<Pending* const> members) {
  auto& history = *settings_.history;
  const auto shown = history.shown();
  PendingGroup group{.members = members,
                     .deadline = settings_.environment.clock->monotonic_now() + settings_.patience};
  Backoff backoff(*settings_.environment.random, settings_.stop);
  if (const auto lost = history.failure()) return answer_failure(group, *lost);
  for (;;) {
    auto made = committer_.attempt(group);
    if (!made.failure) {
      answer(group, made);
      // Behind a pooler the server may be another one than before.
      if (made.wrote && made.found < shown) {
        static_cast<void>(history.lose_from(made.found, shown));
      }
      // What was written before the answer was lost has not been told to anybody.
      if (made.wrote || group.resolving) published_(made.head);
      return;
    }
    if (made.failure->is(kUniqueViolation) && std::exchange(group.trusts_memory, false)) continue;
    const bool unknown = made.sent && made.failure->kind != Failure::Kind::Refused;
    if (unknown) {
      group.resolving = true;
      group.trusts_memory = false;
      group.doubt_what_was_sent(made.results, made.at_once);
    }
    if (!is_worth_another(*made.failure) || !backoff.wait(group.deadline)) {
      return answer_failure(group, to_error(*made.failure));
    }
  }
}

void Appender::answer(const PendingGroup& group, GroupCommitter::Attempt& made) const {
  for (std::size_t index = 0; index < group.members.size(); ++index) {
    auto& pending = *group.members[index];
    pending.result = std::move(made.results[index]);
    const auto events = pending.append.events();
    if (!pending.result || events.empty()) continue;
    settings_.history->acknowledge(pending.result->last_position, events.back().id);
  }
}

}  // namespace eventstore::postgres
