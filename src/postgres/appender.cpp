#include "postgres/appender.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "core/append_context.hpp"
#include "postgres/backoff.hpp"
#include "postgres/first_since.hpp"
#include "postgres/group_copier.hpp"
#include "postgres/group_writer.hpp"
#include "postgres/history.hpp"
#include "postgres/optimistic_group.hpp"
#include "postgres/state_lookup.hpp"

namespace eventstore::postgres {
namespace {

constexpr std::string_view kUniqueViolation = "23505";

// The server gave up a transaction that may well go through the next time. check_violation: the
// default tables do not take events of a month any more that others have just made tables for.
bool is_worth_another(const Failure& failure) {
  return failure.is_passing() || failure.sqlstate.starts_with("40") ||
         failure.is(kUniqueViolation) || failure.is("23514");
}

// Nothing was stored, and the same would be answered again: ids that are there already, a head that
// is not the one remembered, or the tables of the month are gone. That takes a second look.
bool is_certain_refusal(const Failure& failure) {
  return failure.kind == Failure::Kind::Refused && !failure.is_passing();
}

// Such that it is stored by COPY.
bool is_large(std::span<Appender::Pending* const> group) {
  std::size_t events = 0;
  for (const auto* pending : group) events += pending->append.events().size();
  return events >= kCopiedEventsMin;
}

// Whether the server finds out all that was not known when the group was decided. Not of what is
// refused: its ids may be there already, so that it is a repetition or another conflict. Nor of a
// stream that was taken for new, where nothing is stored in it.
bool is_found_out(const StoredState& state, std::span<Appender::Pending* const> group,
                  std::span<const Result<AppendResult>> results) {
  if (!state.is_remembered) return true;
  for (std::size_t index = 0; index < group.size(); ++index) {
    const auto events = group[index]->append.events();
    if (!results[index] && std::ranges::any_of(events, &PreparedAppend::Event::given_id)) {
      return false;
    }
  }
  return std::ranges::all_of(state.taken_for_new, [&](std::string_view stream) {
    return state.streams.at(stream).id != 0;
  });
}

}  // namespace

Appender::Appender(const StoreSettings& settings, KnownMonths& months, Published published)
    : settings_(settings),
      months_(months),
      published_(std::move(published)),
      statements_(settings.schema) {}

// Where the outcome of a transaction is not known, the same is done again: the lock is not to be
// had before the server has made up its mind, and ids that are there tell that it was done.
void Appender::commit(std::span<Pending* const> group) {
  auto& history = *settings_.history;
  const auto shown = history.shown();
  const auto deadline = settings_.environment.clock->monotonic_now() + settings_.patience;
  Backoff backoff(*settings_.environment.random, settings_.stop);
  maybe_written_.assign(group.size(), false);
  resolving_ = lost_at_once_ = false;
  trusts_memory_ = true;
  if (const auto lost = history.failure()) return answer_failure(group, *lost);
  for (;;) {
    auto made = attempt(group, deadline);
    if (!made.failure) {
      answer(group, made);
      // Behind a pooler the server may be another one than before.
      if (made.wrote && made.found < shown) {
        static_cast<void>(history.lose_from(made.found, shown));
      }
      if (made.wrote) published_(made.head);
      return;
    }
    if (made.failure->is(kUniqueViolation) && std::exchange(trusts_memory_, false)) continue;
    const bool unknown = made.sent && made.failure->kind != Failure::Kind::Refused;
    if (unknown) {
      resolving_ = true;
      trusts_memory_ = false;
      for (std::size_t index = 0; index < group.size(); ++index) {
        const auto& result = made.results[index];
        maybe_written_[index] = result && !result->repeated;
      }
    }
    if (!is_worth_another(*made.failure) || !backoff.wait(deadline)) {
      return answer_failure(group, to_error(*made.failure));
    }
  }
}

void Appender::answer(std::span<Pending* const> group, Attempt& made) const {
  for (std::size_t index = 0; index < group.size(); ++index) {
    auto& pending = *group[index];
    pending.result = std::move(made.results[index]);
    const auto events = pending.append.events();
    if (!pending.result || events.empty()) continue;
    settings_.history->acknowledge(pending.result->last_position, events.back().id);
  }
}

void Appender::answer_failure(std::span<Pending* const> group, const Error& error) {
  for (std::size_t index = 0; index < group.size(); ++index) {
    auto& pending = *group[index];
    auto own = error;
    if (maybe_written_[index]) {
      own.code = ErrorCode::OutcomeUnknown;
      own.message += "; the append may or may not be stored: append again with the same ids";
    } else {
      own.message += "; nothing was written";
    }
    pending.result = std::unexpected(std::move(own));
    break_chain(pending.append.context());
  }
}

Appender::Attempt Appender::attempt(std::span<Pending* const> group, Deadline deadline) {
  Attempt made;
  auto done = commit_once(group, made, deadline);
  if (done) {
    for (std::size_t index = 0; index < group.size(); ++index) {
      const auto& context = group[index]->append.context();
      if (ends_chain(context, made.results[index])) break_chain(context);
    }
    return made;
  }
  made.failure = std::move(done).error();
  // A connection that goes on is out of its transaction before it is used again.
  const bool is_usable = connection_ != nullptr && !connection_->is_lost() &&
                         connection_->run({.sql = "ROLLBACK"}, deadline);
  if (!is_usable) connection_.reset();
  return made;
}

Answer<void> Appender::commit_once(std::span<Pending* const> group, Attempt& made,
                                   Deadline deadline) {
  if (auto connected = connect(deadline); !connected) return connected;
  if (auto stored = attempt_at_once(group, deadline)) {
    made = *std::move(stored);
    if (made.failure) return std::unexpected(*std::move(made.failure));
    return {};
  }
  auto state = look(group, deadline);
  if (!state) return std::unexpected(std::move(state).error());

  std::optional<Failure> failed_look;
  AppendGroup accepted(*state, time_.at(state->now, state->recorded_at, settings_),
                       [&](StreamId stream, Timestamp oldest) -> Result<StreamVersion> {
                         auto found =
                             first_since(*connection_, settings_, stream, oldest, deadline);
                         if (found) return *found;
                         failed_look = found.error();
                         return std::unexpected(to_error(found.error()));
                       });
  decide(group, *state, accepted, made);
  if (failed_look) return std::unexpected(*std::move(failed_look));
  if (!is_found_out(*state, group, made.results)) {
    trusts_memory_ = false;
    if (auto ended = connection_->run({.sql = "ROLLBACK"}, deadline); !ended) {
      return std::unexpected(std::move(ended).error());
    }
    return commit_once(group, made = {}, deadline);
  }
  if (!accepted.empty()) {
    const auto month = Month::of(accepted.recorded_at());
    auto suffix = suffix_of(month, *state, deadline);
    if (!suffix) return std::unexpected(std::move(suffix).error());
    // Without this transaction, which stood in the way: all over again.
    if (!*suffix) return commit_once(group, made = {}, deadline);
    return store(accepted, *state, **suffix, made, deadline);
  }
  auto ended = connection_->run({.sql = "ROLLBACK"}, deadline);
  if (!ended) return std::unexpected(std::move(ended).error());
  return {};
}

// A large group spares itself the look if what is remembered is still so: not at its ids, which the
// server refuses where they are there already.
Answer<StoredState> Appender::look(std::span<Pending* const> group, Deadline deadline) {
  StateLookup lookup(settings_, months_, statements_, *connection_, deadline);
  if (trusts_memory_ && is_large(group)) {
    if (auto state = remembered_.recall(group)) {
      auto confirmed = lookup.confirm(*state);
      if (!confirmed) return std::unexpected(std::move(confirmed).error());
      if (*confirmed) return *std::move(state);
      remembered_.forget();
    }
  }
  return lookup.look(group, resolving_);
}

Answer<void> Appender::connect(Deadline deadline) {
  if (connection_ != nullptr && connection_->is_usable()) return {};
  connection_.reset();
  auto opened = Connection::open(settings_.connection, deadline);
  if (!opened) return std::unexpected(std::move(opened).error());
  if (auto admitted = settings_.history->admit_writer(**opened, deadline); !admitted) {
    return admitted;
  }
  connection_ = *std::move(opened);
  remembered_ = {};  // it may lead to another server
  return {};
}

// A number that is not 0, and that no other attempt has.
std::uint64_t Appender::new_attempt() {
  do {
    settings_.environment.random->fill(std::as_writable_bytes(std::span(&last_attempt_, 1)));
  } while (last_attempt_ == 0);
  return last_attempt_;
}

// Whether what is found of an append was stored by the attempt whose answer was lost. What it
// decided one by one was not there before; nor were ids that the store made.
bool Appender::is_own(const PreparedAppend& append, const StoredState& state) const {
  if (!lost_at_once_) return true;
  return std::ranges::all_of(append.events(), [&](const PreparedAppend::Event& event) {
    if (!event.given_id) return true;
    const auto found = state.ids.find({event.event->stream, event.id});
    return found == state.ids.end() || found->second.attempt == last_attempt_;
  });
}

void Appender::decide(std::span<Pending* const> group, const StoredState& state,
                      AppendGroup& accepted, Attempt& made) {
  // Chains that a member of the group ends.
  std::set<const AppendChain*> ended;
  const auto now = settings_.environment.clock->monotonic_now();
  for (std::size_t index = 0; index < group.size(); ++index) {
    const auto& append = group[index]->append;
    const auto& context = append.context();
    // What may be written already is not given up before it is known.
    auto wanted = maybe_written_[index] ? Result<void>{} : still_wanted(context, now);
    if (wanted && ended.contains(context.chain.get())) wanted = std::unexpected(chain_is_broken());
    auto answer = wanted ? accepted.decide(append, index)
                         : Result<AppendResult>(std::unexpected(std::move(wanted).error()));
    if (answer && maybe_written_[index] && is_own(append, state)) answer->repeated = false;
    if (context.chain != nullptr && ends_chain(context, answer)) ended.insert(context.chain.get());
    made.results.push_back(std::move(answer));
  }
}

Answer<void> Appender::store(const AppendGroup& accepted, StoredState& state,
                             const std::string& suffix, Attempt& made, Deadline deadline) {
  lost_at_once_ = false;  // what that has stored is known by now
  auto calls = write_places(accepted, state.last_month, suffix, statements_);
  if (accepted.events().size() >= kCopiedEventsMin) {
    if (!calls.empty()) {
      auto placed = connection_->run(calls, deadline);
      if (!placed) return std::unexpected(std::move(placed).error());
    }
    auto copied = copy_events(*connection_, accepted, suffix, statements_, deadline);
    if (!copied) return copied;
    calls.clear();
  } else {
    std::ranges::move(write_events(accepted, suffix, statements_), std::back_inserter(calls));
  }
  calls.push_back({.sql = "COMMIT"});
  made.sent = true;
  auto written = connection_->run(calls, deadline);
  if (!written) {
    made.sent = written.error().kind != Failure::Kind::Refused;
    return std::unexpected(std::move(written).error());
  }
  const auto found = made.found = state.head;
  state.head = made.head = {found.value + accepted.events().size()};
  const auto found_id = std::exchange(state.head_id, accepted.events().back().event->id);
  state.last_month = Month::of(accepted.recorded_at());
  made.wrote = true;
  remembered_.learn(found, found_id, state);
  return {};
}

// Absent: the group is not one that can be stored at once, or it was tried and nothing was stored.
std::optional<Appender::Attempt> Appender::attempt_at_once(std::span<Pending* const> group,
                                                           Deadline deadline) {
  const auto months = months_.list();
  auto window = time_.window(settings_);
  if (resolving_ || months->empty() || !window || is_large(group)) return std::nullopt;
  const auto& month = months->months.back();
  window->end = std::min(window->end, month.month.next().begin());
  const GroupPlace place{.month = month, .window = *window, .attempt = new_attempt()};
  bool is_there_already = false;
  auto made = attempt_from_memory(group, place, is_there_already, deadline);
  if (made || is_there_already) return made;
  return attempt_looking(group, place, deadline);
}

// What is decided with what is remembered, stored if all of that is still so. `is_there_already`:
// something of the group is.
std::optional<Appender::Attempt> Appender::attempt_from_memory(std::span<Pending* const> group,
                                                               const GroupPlace& place,
                                                               bool& is_there_already,
                                                               Deadline deadline) {
  auto state = remembered_.recall(group);
  if (!state || state->last_month != place.month.month) return std::nullopt;
  // What is recalled states no bounds, so that no time matters, and no month begins.
  AppendGroup accepted(*state, place.month.month.begin(),
                       [](StreamId, Timestamp) -> StreamVersion { return {}; });
  Attempt made;
  decide(group, *state, accepted, made);
  // What is refused is so only if something is stored, which shows that the head is still the same.
  if (accepted.empty() || !is_found_out(*state, group, made.results)) return std::nullopt;
  auto calls = write_if_unchanged(accepted, place, statements_);
  calls.insert(calls.begin(), lock_call(settings_, statements_));
  const auto rows = connection_->run(calls, deadline);
  if (!rows) {
    if (!is_certain_refusal(rows.error())) return lose_at_once(std::move(made), rows.error());
    is_there_already = rows.error().is(kUniqueViolation);
    if (!is_there_already) remembered_.forget();
    return std::nullopt;
  }
  const auto found = made.found = state->head;
  state->head = made.head = {found.value + accepted.events().size()};
  const auto found_id = std::exchange(state->head_id, accepted.events().back().event->id);
  made.sent = made.wrote = true;
  remembered_.learn(found, found_id, *state);
  return made;
}

// What the server decides by itself, all or nothing.
std::optional<Appender::Attempt> Appender::attempt_looking(std::span<Pending* const> group,
                                                           const GroupPlace& place,
                                                           Deadline deadline) {
  const auto now = settings_.environment.clock->monotonic_now();
  for (const auto* pending : group) {
    if (!still_wanted(pending->append.context(), now)) return std::nullopt;
  }
  const auto optimistic = OptimisticGroup::of(group);
  if (!optimistic) return std::nullopt;
  const std::array calls = {lock_call(settings_, statements_),
                            optimistic->call(place, statements_)};
  const auto rows = connection_->run(calls, deadline);
  if (!rows) {
    if (is_certain_refusal(rows.error())) return std::nullopt;
    return lose_at_once({.results = std::vector<Result<AppendResult>>(group.size())}, rows.error());
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

Appender::Attempt Appender::lose_at_once(Attempt made, const Failure& failure) {
  lost_at_once_ = true;
  made.failure = failure;
  made.sent = true;
  return made;
}

// Whose tables the events of a month go into; they are named, since others may make a month's at
// any moment, and `months` has to say where its events are. Absent: the tables of the month were
// not there, and the transaction was ended to make them. Where they cannot be made, the default
// ones have to do.
Answer<std::optional<std::string>> Appender::suffix_of(Month month, const StoredState& state,
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
                       ", which go into the default ones: " + made.error().message);
  in_default_ = month;
  return std::nullopt;
}

}  // namespace eventstore::postgres
