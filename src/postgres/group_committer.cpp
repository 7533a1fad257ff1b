#include "postgres/group_committer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "core/append_context.hpp"
#include "postgres/first_since.hpp"
#include "postgres/group_copier.hpp"
#include "postgres/group_writer.hpp"
#include "postgres/history.hpp"
#include "postgres/optimistic_group.hpp"
#include "postgres/state_lookup.hpp"

namespace eventstore::postgres {
namespace {

using Doubt = PendingGroup::Doubt;

constexpr auto kBetweenNotices = std::chrono::minutes(1);

// So that the commit waits for what was committed before it: until that is on the disk, and with
// synchronous standbys there as well.
constexpr const char* kSettle = "SELECT pg_logical_emit_message(true, 'event-store', '')";

// Nothing was stored, and the same would be answered again: ids that are there already, a head that
// is not the one remembered, or the tables of the month are gone. That takes a second look.
bool is_certain_refusal(const Failure& failure) {
  return failure.kind == Failure::Kind::Refused && !failure.is_passing();
}

// Whether the server finds out all that was not known when the group was decided. Not of what is
// refused: its ids may be there already, so that it is a repetition or another conflict. Nor of a
// stream that was taken for new, where nothing is stored in it.
bool is_found_out(const StoredState& state, const PendingGroup& group,
                  std::span<const Result<AppendResult>> results) {
  if (!state.is_remembered) return true;
  for (std::size_t index = 0; index < group.members.size(); ++index) {
    const auto events = group.members[index]->append.events();
    if (!results[index] && std::ranges::any_of(events, &PreparedAppend::Event::given_id)) {
      return false;
    }
  }
  return std::ranges::all_of(state.taken_for_new, [&](std::string_view stream) {
    return state.streams.at(stream).id != 0;
  });
}

// A number that is not 0, and that no other attempt has.
std::uint64_t new_attempt(RandomSource& random) {
  std::uint64_t attempt = 0;
  do {
    random.fill(std::as_writable_bytes(std::span(&attempt, 1)));
  } while (attempt == 0);
  return attempt;
}

Failure in_doubt() {
  const std::string message =
      "a session that this store has lost may yet store what was appended, and has not ended";
  return {.message = message, .found = Error{.code = ErrorCode::Unavailable, .message = message}};
}

}  // namespace

GroupCommitter::GroupCommitter(const StoreSettings& settings, KnownMonths& months)
    : settings_(settings), months_(months), statements_(settings.schema) {}

GroupCommitter::Attempt GroupCommitter::attempt(PendingGroup& group) {
  Attempt made;
  auto done = commit_once(group, made);
  tell_of_unreplicated();
  if (done) {
    for (std::size_t index = 0; index < group.members.size(); ++index) {
      const auto& context = group.members[index]->append.context();
      if (ends_chain(context, made.results[index])) break_chain(context);
    }
    return made;
  }
  made.failure = std::move(done).error();
  // A connection that goes on is out of its transaction before it is used again.
  const bool is_usable = connection_ != nullptr && !connection_->is_lost() &&
                         connection_->run({.sql = "ROLLBACK"}, group.deadline);
  if (!is_usable) connection_.reset();
  return made;
}

// Where somebody cancels the wait, the commit is answered as any other.
void GroupCommitter::tell_of_unreplicated() {
  if (connection_ == nullptr || !connection_->take_unreplicated()) return;
  const auto now = settings_.environment.clock->monotonic_now();
  if (now < next_told_of_unreplicated_) return;
  next_told_of_unreplicated_ = now + kBetweenNotices;
  settings_.notify(Notice::Level::Warning,
                   "the server's wait for a synchronous standby was cancelled: what was appended is"
                   " stored on this server, and may be on no standby yet");
}

Answer<void> GroupCommitter::commit_once(PendingGroup& group, Attempt& made) {
  if (auto connected = connect(group.deadline); !connected) return connected;
  if (auto stored = attempt_at_once(group)) {
    made = *std::move(stored);
    if (made.failure) return std::unexpected(*std::move(made.failure));
    return {};
  }
  if (auto ended = end_lost_session(group); !ended) return ended;
  auto state = look(group);
  if (!state) return std::unexpected(std::move(state).error());
  if (auto resolved = resolve(group, *state); !resolved) return resolved;

  std::optional<Failure> failed_look;
  AppendGroup accepted(*state, time_.at(state->now, state->recorded_at, settings_),
                       [&](StreamId stream, Timestamp oldest) -> Result<StreamVersion> {
                         auto found =
                             first_since(*connection_, settings_, stream, oldest, group.deadline);
                         if (found) return *found;
                         failed_look = found.error();
                         return std::unexpected(to_error(found.error()));
                       });
  decide(group, *state, accepted, made);
  if (failed_look) return std::unexpected(*std::move(failed_look));
  if (group.is_refused_in_doubt(made.results)) return std::unexpected(in_doubt());
  if (!is_found_out(*state, group, made.results)) {
    group.trusts_memory = false;
    if (auto ended = connection_->run({.sql = "ROLLBACK"}, group.deadline); !ended) {
      return std::unexpected(std::move(ended).error());
    }
    return commit_once(group, made = {});
  }
  if (!accepted.empty()) {
    const auto month = Month::of(accepted.recorded_at());
    auto suffix = suffix_of(month, *state, group.deadline);
    if (!suffix) return std::unexpected(std::move(suffix).error());
    // Without this transaction, which stood in the way: all over again.
    if (!*suffix) return commit_once(group, made = {});
    return store(group, accepted, *state, **suffix, made);
  }
  made.head = state->head;
  return end_without_events(group, made.results);
}

// What is found may be so new that no disk or standby has it, where its answer was lost.
Answer<void> GroupCommitter::end_without_events(const PendingGroup& group,
                                                std::span<const Result<AppendResult>> results) {
  bool is_found = false;
  for (std::size_t index = 0; index < results.size(); ++index) {
    is_found = is_found || (results[index] && !group.members[index]->append.events().empty());
  }
  std::vector<Call> calls;
  if (is_found) calls.push_back({.sql = kSettle});
  calls.push_back({.sql = is_found ? "COMMIT" : "ROLLBACK"});
  auto ended = connection_->run(calls, group.deadline);
  if (!ended) return std::unexpected(std::move(ended).error());
  return {};
}

// A large group spares itself the look if what is remembered is still so: not at its ids, which the
// server refuses where they are there already.
Answer<StoredState> GroupCommitter::look(const PendingGroup& group) {
  StateLookup lookup(settings_, months_, statements_, *connection_, group.deadline);
  if (group.trusts_memory && group.is_large()) {
    if (auto state = remembered_.recall(group.members)) {
      auto confirmed = lookup.confirm(*state);
      if (!confirmed) return std::unexpected(std::move(confirmed).error());
      if (*confirmed) return *std::move(state);
      remembered_.forget();
    }
  }
  return lookup.look(group.members, group.resolving);
}

// Before the lock is asked for: it may hold that, or come to it later.
Answer<void> GroupCommitter::end_lost_session(PendingGroup& group) {
  if (!group.lost_session || std::exchange(group.is_asked_to_end, true)) return {};
  return end_session(*connection_, *group.lost_session, group.deadline);
}

// An attempt stores all of its members or none: where one is missing while the lock is held, it has
// stored nothing, and what is found of the others is somebody else's. What stores all at once may
// yet come to the lock, unless its session is over.
Answer<void> GroupCommitter::resolve(PendingGroup& group, const StoredState& state) {
  if (!group.lacks_something(state)) return {};
  if (group.lost_session) {
    const auto goes_on = is_there(*connection_, *group.lost_session, group.deadline);
    if (!goes_on) return std::unexpected(goes_on.error());
    if (!*goes_on) {
      group.lost_at_once = 0;
      group.lost_session.reset();
    }
  }
  group.settle_doubts();
  return {};
}

Answer<void> GroupCommitter::connect(Deadline deadline) {
  if (connection_ != nullptr && connection_->is_usable()) return {};
  connection_.reset();
  auto opened = Connection::open(settings_.connection, deadline);
  if (!opened) return std::unexpected(std::move(opened).error());
  if (auto admitted = settings_.history->admit_writer(**opened, deadline); !admitted) {
    return admitted;
  }
  // A pooler gives each transaction another session.
  session_.reset();
  if (settings_.connection.prepares) {
    auto own = session_of(**opened, deadline);
    if (!own) return std::unexpected(std::move(own).error());
    session_ = *own;
  }
  connection_ = *std::move(opened);
  remembered_ = {};  // it may lead to another server
  return {};
}

void GroupCommitter::decide(PendingGroup& group, const StoredState& state, AppendGroup& accepted,
                            Attempt& made) const {
  // Chains that a member of the group ends.
  std::set<const AppendChain*> ended;
  const auto now = settings_.environment.clock->monotonic_now();
  for (std::size_t index = 0; index < group.members.size(); ++index) {
    const auto& append = group.members[index]->append;
    const auto& context = append.context();
    // What may be written already is not given up before it is known.
    auto& doubt = group.doubts[index];
    auto wanted = doubt != Doubt::None ? Result<void>{} : still_wanted(context, now);
    if (wanted && ended.contains(context.chain.get())) wanted = std::unexpected(chain_is_broken());
    auto answer = wanted ? accepted.decide(append, index)
                         : Result<AppendResult>(std::unexpected(std::move(wanted).error()));
    if (answer && answer->repeated && group.is_own(index, state)) {
      answer->repeated = false;
      doubt = Doubt::Written;
    }
    if (context.chain != nullptr && ends_chain(context, answer)) ended.insert(context.chain.get());
    made.results.push_back(std::move(answer));
  }
}

Answer<void> GroupCommitter::store(PendingGroup& group, const AppendGroup& accepted,
                                   StoredState& state, const std::string& suffix, Attempt& made) {
  group.last_attempt = new_attempt(*settings_.environment.random);
  auto calls = write_places(accepted, state.last_month, suffix, statements_);
  if (accepted.events().size() >= kCopiedEventsMin) {
    if (!calls.empty()) {
      auto placed = connection_->run(calls, group.deadline);
      if (!placed) return std::unexpected(std::move(placed).error());
    }
    auto copied = copy_events(*connection_, accepted, suffix, group.last_attempt, statements_,
                              group.deadline);
    if (!copied) return copied;
    calls.clear();
  } else {
    std::ranges::move(write_events(accepted, suffix, group.last_attempt, statements_),
                      std::back_inserter(calls));
  }
  calls.push_back({.sql = "COMMIT"});
  made.sent = true;
  auto written = connection_->run(calls, group.deadline);
  if (!written) {
    made.sent = written.error().kind != Failure::Kind::Refused;
    if (made.sent) group.lost_commit = group.last_attempt;
    return std::unexpected(std::move(written).error());
  }
  state.last_month = Month::of(accepted.recorded_at());
  remember(accepted, state, made);
  return {};
}

// What the store is left with, for the next group.
void GroupCommitter::remember(const AppendGroup& accepted, StoredState& state, Attempt& made) {
  made.found = state.head;
  state.head = made.head = {made.found.value + accepted.events().size()};
  const auto found_id = std::exchange(state.head_id, accepted.events().back().event->id);
  made.sent = made.wrote = true;
  // Behind a pooler a head of which the look told no id may be another server's.
  if (found_id == Uuid{} && !settings_.connection.prepares) remembered_ = {};
  remembered_.learn(made.found, found_id, state);
}

// Absent: the group is not one that can be stored at once, or it was tried and nothing was stored.
std::optional<GroupCommitter::Attempt> GroupCommitter::attempt_at_once(PendingGroup& group) {
  const auto months = months_.list();
  auto window = time_.window(settings_);
  if (group.resolving || months->empty() || !window || group.is_large()) return std::nullopt;
  const auto& month = months->months.back();
  window->end = std::min(window->end, month.month.next().begin());
  group.last_attempt = new_attempt(*settings_.environment.random);
  const GroupPlace place{.month = month, .window = *window, .attempt = group.last_attempt};
  auto from_memory = attempt_from_memory(group, place);
  if (from_memory.made || from_memory.is_there_already) return std::move(from_memory.made);
  return attempt_looking(group, place);
}

// What is decided with what is remembered, stored if all of that is still so.
GroupCommitter::FromMemory GroupCommitter::attempt_from_memory(PendingGroup& group,
                                                               const GroupPlace& place) {
  auto state = remembered_.recall(group.members);
  if (!state || state->last_month != place.month.month) return {};
  // What is recalled states no bounds, so that no time matters, and no month begins.
  AppendGroup accepted(*state, place.month.month.begin(),
                       [](StreamId, Timestamp) -> StreamVersion { return {}; });
  Attempt made;
  decide(group, *state, accepted, made);
  // What is refused is so only if something is stored, which shows that the head is still the same.
  if (accepted.empty() || !is_found_out(*state, group, made.results)) return {};
  auto calls = write_if_unchanged(accepted, place, statements_);
  calls.insert(calls.begin(), lock_call(settings_, statements_));
  const auto rows = connection_->run(calls, group.deadline);
  if (!rows) {
    if (!is_certain_refusal(rows.error())) {
      return {.made = lose_at_once(group, std::move(made), rows.error())};
    }
    if (rows.error().is(kUniqueViolation)) return {.is_there_already = true};
    remembered_.forget();
    return {};
  }
  remember(accepted, *state, made);
  return {.made = std::move(made)};
}

// What the server decides by itself, all or nothing.
std::optional<GroupCommitter::Attempt> GroupCommitter::attempt_looking(PendingGroup& group,
                                                                       const GroupPlace& place) {
  const auto now = settings_.environment.clock->monotonic_now();
  for (const auto* pending : group.members) {
    if (!still_wanted(pending->append.context(), now)) return std::nullopt;
  }
  const auto optimistic = OptimisticGroup::of(group.members);
  if (!optimistic) return std::nullopt;
  const std::array calls = {lock_call(settings_, statements_),
                            optimistic->call(place, statements_)};
  const auto rows = connection_->run(calls, group.deadline);
  if (!rows) {
    if (is_certain_refusal(rows.error())) return std::nullopt;
    return lose_at_once(group, {.results = std::vector<Result<AppendResult>>(group.members.size())},
                        rows.error());
  }
  auto stored = optimistic->take(rows->back(), place.month.month);
  if (!stored) return std::nullopt;
  Attempt made{.found = stored->found,
               .head = stored->left.head,
               .wrote = optimistic->has_events(),
               .sent = true};
  time_.at(stored->recorded_at, stored->recorded_at, settings_);
  for (auto& result : stored->results) made.results.emplace_back(std::move(result));
  remembered_.learn(stored->found, stored->found_id, stored->left);
  return made;
}

GroupCommitter::Attempt GroupCommitter::lose_at_once(PendingGroup& group, Attempt made,
                                                     const Failure& failure) const {
  made.failure = failure;
  made.sent = made.at_once = true;
  if (failure.kind == Failure::Kind::Refused) return made;
  group.lost_at_once = group.last_attempt;
  group.lost_session = session_;
  group.is_asked_to_end = false;
  return made;
}

// Whose tables the events of a month go into; they are named, since others may make a month's at
// any moment, and `months` has to say where its events are. Absent: the tables of the month were
// not there, and the transaction was ended to make them. Where they cannot be made, the default
// ones have to do.
Answer<std::optional<std::string>> GroupCommitter::suffix_of(Month month, const StoredState& state,
                                                             Deadline deadline) {
  if (month == state.last_month) return months_.list()->find(month)->suffix;
  const auto there = month_has_tables(*connection_, settings_.schema, month, deadline);
  if (!there) return std::unexpected(there.error());
  if (*there) return month.suffix();
  if (month == in_default_) return "default";
  auto ended = connection_->run({.sql = "ROLLBACK"}, deadline);
  if (!ended) return std::unexpected(std::move(ended).error());
  const auto made = make_month_tables(*connection_, settings_.schema, month, deadline);
  if (made) return std::nullopt;
  const auto& failure = made.error();
  if (failure.kind != Failure::Kind::Refused || failure.is_passing() ||
      failure.sqlstate.starts_with("53")) {  // insufficient resources
    return std::unexpected(failure);
  }
  settings_.notify(Notice::Level::Error,
                   "no tables could be made for the events of " + month.to_string() +
                       ", which go into the default ones: " + made.error().message +
                       "; let the owner of the schema make those of months to come" +
                       " (`event-store maint partition --ahead 12`)");
  in_default_ = month;
  return std::nullopt;
}

}  // namespace eventstore::postgres
