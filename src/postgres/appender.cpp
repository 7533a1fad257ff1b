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
#include "postgres/optimistic_group.hpp"
#include "postgres/state_lookup.hpp"

namespace eventstore::postgres {
namespace {

constexpr std::string_view kUniqueViolation = "23505";

// The server gave up a transaction that may well go through the next time.
bool is_worth_another(const Failure& failure) {
  return failure.is_passing() || failure.sqlstate.starts_with("40") || failure.is(kUniqueViolation);
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

}  // namespace

Appender::Appender(const StoreSettings& settings, KnownMonths& months, Published published)
    : settings_(settings),
      months_(months),
      published_(std::move(published)),
      statements_(settings.schema) {}

void Appender::commit(std::span<Pending* const> group) {
  settle(group, std::nullopt);
}

// Where the outcome of a transaction is not known, the same is done again: the lock is not to be
// had before the server has made up its mind, and ids that are there tell that it was done.
// `made`: what has come of a first attempt.
void Appender::settle(std::span<Pending* const> group, std::optional<Attempt> made) {
  const auto deadline = settings_.environment.clock->monotonic_now() + settings_.patience;
  Backoff backoff(*settings_.environment.random, settings_.stop);
  maybe_written_.assign(group.size(), false);
  resolving_ = lost_at_once_ = false;
  trusts_memory_ = true;
  for (;; made.reset()) {
    if (!made) made = attempt(group, deadline);
    if (!made->failure) return answer(group, *made);
    if (made->failure->is(kUniqueViolation) && std::exchange(trusts_memory_, false)) continue;
    const bool unknown = made->sent && made->failure->kind != Failure::Kind::Refused;
    if (unknown) {
      resolving_ = true;
      lost_at_once_ = made->at_once;
      trusts_memory_ = false;
      for (std::size_t index = 0; index < group.size(); ++index) {
        const auto& result = made->results[index];
        maybe_written_[index] = result && !result->repeated;
      }
    }
    if (!is_worth_another(*made->failure) || !backoff.wait(deadline)) {
      return answer_failure(group, to_error(*made->failure));
    }
  }
}

void Appender::answer(std::span<Pending* const> group, Attempt& made) {
  for (std::size_t index = 0; index < group.size(); ++index) {
    const auto& context = group[index]->append.context();
    if (ends_chain(context, made.results[index])) break_chain(context);
    group[index]->result = std::move(made.results[index]);
  }
  if (made.wrote) published_(made.head);
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
  if (done) return made;
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
  if (!accepted.empty()) {
    const auto month = Month::of(accepted.recorded_at());
    const bool begins = month != state->last_month;
    if (begins && month != in_default_) {
      auto there = begin_month(month, deadline);
      if (!there) return std::unexpected(std::move(there).error());
      // Without this transaction, which stood in the way: all over again.
      if (!*there) return commit_once(group, made = {}, deadline);
    }
    return store(accepted, *state, begins && month == in_default_, made, deadline);
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
      remembered_.forget_and_doubt();
    }
  }
  return lookup.look(group, resolving_);
}

Answer<void> Appender::connect(Deadline deadline) {
  if (connection_ != nullptr && connection_->is_usable()) return {};
  connection_.reset();
  auto opened = Connection::open(settings_.connection, deadline);
  if (!opened) return std::unexpected(std::move(opened).error());
  connection_ = *std::move(opened);
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

Answer<void> Appender::store(const AppendGroup& accepted, StoredState& state, bool in_default,
                             Attempt& made, Deadline deadline) {
  auto calls = write_places(accepted, state.last_month, in_default, statements_);
  if (accepted.events().size() >= kCopiedEventsMin) {
    if (!calls.empty()) {
      auto placed = connection_->run(calls, deadline);
      if (!placed) return std::unexpected(std::move(placed).error());
    }
    auto copied = copy_events(*connection_, accepted, statements_, deadline);
    if (!copied) return copied;
    calls.clear();
  } else {
    std::ranges::move(write_events(accepted, statements_), std::back_inserter(calls));
  }
  calls.push_back({.sql = "COMMIT"});
  made.sent = true;
  auto written = connection_->run(calls, deadline);
  if (!written) {
    made.sent = written.error().kind != Failure::Kind::Refused;
    return std::unexpected(std::move(written).error());
  }
  const auto found = state.head;
  state.head = made.head = {found.value + accepted.events().size()};
  state.last_month = Month::of(accepted.recorded_at());
  made.wrote = true;
  remembered_.learn(found, state);
  return {};
}

// The last month, for as long as the clocks allow. Absent: it is not known.
std::optional<GroupPlace> Appender::last_month() const {
  const auto months = months_.list();
  const auto window = time_.window(settings_);
  if (months->empty() || !window) return std::nullopt;
  const auto& month = months->months.back();
  return GroupPlace{
      .month = month,
      .window = {.begin = window->begin, .end = std::min(window->end, month.month.next().begin())}};
}

// Absent: the group is not one that can be stored at once, or it was tried and nothing was stored.
std::optional<Appender::Attempt> Appender::attempt_at_once(std::span<Pending* const> group,
                                                           Deadline deadline) {
  if (resolving_ || is_large(group)) return std::nullopt;
  auto place = last_month();
  if (!place) return std::nullopt;
  place->attempt = new_attempt();
  auto flight = plan_from_memory(group, *place, /*behind=*/0);
  if (!flight) return attempt_looking(group, *place, deadline);
  const auto rows = connection_->run(flight->calls, deadline);
  if (rows) {
    remembered_.learn(flight->found, flight->left);
    return std::move(flight->made);
  }
  if (!is_certain_refusal(rows.error())) {
    flight->made.failure = rows.error();
    return std::move(flight->made);
  }
  if (rows.error().is(kUniqueViolation)) return std::nullopt;  // something of it is there already
  remembered_.forget_and_doubt();
  return attempt_looking(group, *place, deadline);
}

// Decides with what is remembered; what is stored with that is so only if it is still true. Absent:
// that does not decide about the group. `behind`: the number of the group that has to be stored
// before, if one is under way.
std::optional<Appender::Flight> Appender::plan_from_memory(std::span<Pending* const> group,
                                                           const GroupPlace& place,
                                                           std::uint64_t behind) {
  auto state = remembered_.recall(group);
  if (!state || state->last_month != place.month.month) return std::nullopt;
  // What is recalled states no bounds, so that no time matters, and no month begins.
  AppendGroup accepted(*state, place.month.month.begin(),
                       [](StreamId, Timestamp) -> StreamVersion { return {}; });
  Flight flight{.group = {group.begin(), group.end()},
                .made = {.wrote = true, .sent = true, .at_once = true},
                .attempt = place.attempt,
                .found = state->head};
  decide(group, *state, accepted, flight.made);
  // What is refused is so only if it can be stored that the head is still the same.
  if (accepted.empty()) return std::nullopt;
  flight.calls = write_if_unchanged(accepted, place, statements_);
  flight.calls.insert(flight.calls.begin(),
                      flies() ? lock_call_behind(behind, place.attempt, settings_, statements_)
                              : lock_call(settings_, statements_));
  state->head = flight.made.head = {flight.found.value + accepted.events().size()};
  flight.left = *std::move(state);
  return flight;
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
  Attempt made{.sent = true, .at_once = true};
  if (!rows) {
    if (is_certain_refusal(rows.error())) return std::nullopt;
    made.results.resize(group.size());
    made.failure = rows.error();
    return made;
  }
  auto stored = optimistic->take(rows->back(), place.month.month);
  if (!stored) return std::nullopt;
  made.head = stored->left.head;
  made.wrote = optimistic->has_events();
  time_.at(stored->recorded_at, stored->recorded_at, settings_);
  for (auto& result : stored->results) made.results.emplace_back(std::move(result));
  remembered_.learn(stored->found, stored->left);
  return made;
}

// Where the session stays the same from one transaction to the next.
bool Appender::flies() const {
  return settings_.connection.prepares;
}

bool Appender::begin(std::span<Pending* const> group) {
  if (!flies() || flights_.size() >= kFlightsMax || is_large(group)) return false;
  if (flights_.empty() && (connection_ == nullptr || !connection_->is_usable())) return false;
  const auto must_be_finished = [](const Flight& flight) {
    return flight.ends_chain || flight.failure.has_value();
  };
  auto place = last_month();
  if (std::ranges::any_of(flights_, must_be_finished) || !place) return false;
  place->attempt = new_attempt();
  maybe_written_.assign(group.size(), false);
  auto flight = plan_from_memory(group, *place, flights_.empty() ? 0 : flights_.back().attempt);
  if (!flight) return false;
  for (std::size_t index = 0; index < group.size(); ++index) {
    const auto& context = group[index]->append.context();
    if (context.chain != nullptr && ends_chain(context, flight->made.results[index]))
      flight->ends_chain = true;
  }
  flight->deadline = settings_.environment.clock->monotonic_now() + settings_.patience;
  remembered_.learn(flight->found, flight->left);
  flights_.push_back(*std::move(flight));
  // What fails is found again by finish().
  static_cast<void>(connection_->begin(flights_.back().calls, flights_.back().deadline));
  return true;
}

void Appender::finish() {
  auto flight = std::move(flights_.front());
  flights_.pop_front();
  if (!flight.failure) flight.failure = land(flight);
  if (!flight.failure) return answer(flight.group, flight.made);
  // Those behind were decided as if this one had been stored, and are refused for that.
  for (auto& behind : flights_) {
    if (!behind.failure) behind.failure = land(behind);
  }
  remembered_.forget();
  if (is_certain_refusal(*flight.failure)) return settle(flight.group, std::nullopt);
  last_attempt_ = flight.attempt;
  flight.made.failure = std::move(flight.failure);
  settle(flight.group, std::move(flight.made));
}

// What the server has refused of a group that was sent, if anything.
std::optional<Failure> Appender::land(const Flight& flight) {
  auto rows = connection_->finish(flight.deadline);
  if (rows) return std::nullopt;
  return std::move(rows).error();
}

// False: the tables of the month were not there, and the transaction was ended to make them. Where
// they cannot be made, the events go into the default ones.
Answer<bool> Appender::begin_month(Month month, Deadline deadline) {
  auto there = month_has_tables(*connection_, settings_.schema, month, deadline);
  if (!there || *there) return there;
  auto ended = connection_->run({.sql = "ROLLBACK"}, deadline);
  if (!ended) return std::unexpected(std::move(ended).error());
  const auto made = make_month_tables(*connection_, settings_.schema, month, deadline);
  if (made) return false;
  if (made.error().kind != Failure::Kind::Refused) return std::unexpected(made.error());
  settings_.notify(Notice::Level::Error,
                   "no tables could be made for the events of " + month.to_string() +
                       ", which go into the default ones: " + made.error().message);
  in_default_ = month;
  return false;
}

}  // namespace eventstore::postgres
