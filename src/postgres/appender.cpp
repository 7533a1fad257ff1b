#include "postgres/appender.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/append_context.hpp"
#include "postgres/backoff.hpp"
#include "postgres/event_sql.hpp"
#include "postgres/first_since.hpp"
#include "postgres/group_writer.hpp"
#include "postgres/history.hpp"
#include "postgres/optimistic_group.hpp"
#include "postgres/sql_builder.hpp"
#include "postgres/stream_lookup.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kLock = "SELECT pg_advisory_xact_lock($1::int, $2::int)";

// The last month that has events, the newest event, and the server's time.
constexpr const char* kHead =
    "SELECT (SELECT max(month) FROM {s}.months), e.position, e.recorded_at, clock_timestamp()"
    " FROM (VALUES (1)) one LEFT JOIN LATERAL (SELECT position, recorded_at FROM {s}.events_{m}"
    " ORDER BY position DESC LIMIT 1) e ON true";

// Each stream's key, last month, version in the month asked for, and bounds.
constexpr const char* kStreams =
    "SELECT n.ordinal - 1, s.stream_id, coalesce(l.month, s.month), e.version, b.truncate_before,"
    " b.max_count, b.max_age, b.tombstone"
    " FROM unnest($1::text[]) WITH ORDINALITY n(name, ordinal)"
    " JOIN {s}.streams s ON s.name = n.name"
    " LEFT JOIN LATERAL (SELECT month FROM {s}.stream_months m WHERE m.stream_id = s.stream_id"
    " ORDER BY month DESC LIMIT 1) l ON true"
    " LEFT JOIN LATERAL (SELECT version FROM {s}.events_{m} e WHERE e.stream_id = s.stream_id"
    " ORDER BY version DESC LIMIT 1) e ON true"
    " LEFT JOIN LATERAL (SELECT * FROM {s}.bounds b WHERE b.stream_id = s.stream_id"
    " ORDER BY position DESC LIMIT 1) b ON true";

constexpr const char* kIds =
    "SELECT n.ordinal - 1, i.position, i.version, i.attempt"
    " FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY n(name, id, ordinal)"
    " JOIN {s}.streams s ON s.name = n.name"
    " JOIN {s}.event_ids i ON i.stream_id = s.stream_id AND i.id = n.id";

// The server gave up a transaction that may well go through the next time. check_violation: the
// default tables do not take events of a month any more that others have just made tables for.
bool is_worth_another(const Failure& failure) {
  return failure.is_passing() || failure.sqlstate.starts_with("40") || failure.is("23505") ||
         failure.is("23514");
}

}  // namespace

Appender::Appender(const StoreSettings& settings, KnownMonths& months, Published published)
    : settings_(settings),
      months_(months),
      published_(std::move(published)),
      statements_(settings.schema) {}

Answer<Rows> Appender::run(const char* text, Parameters parameters, Deadline deadline) {
  return connection_->run({.sql = statements_.of(text), .parameters = std::move(parameters)},
                          deadline);
}

// Where the outcome of a transaction is not known, the same is done again: the lock is not to be
// had before the server has made up its mind, and ids that are there tell that it was done.
void Appender::commit(std::span<Pending* const> group) {
  auto& history = *settings_.history;
  const auto shown = history.shown();
  const auto deadline = settings_.environment.clock->monotonic_now() + settings_.patience;
  Backoff backoff(*settings_.environment.random, settings_.stop);
  maybe_written_.assign(group.size(), false);
  resolving_ = lost_at_once_ = false;
  if (const auto lost = history.failure()) return answer_failure(group, *lost);
  for (;;) {
    auto made = attempt(group, deadline);
    if (!made.failure) {
      answer(group, made);
      // Behind a pooler the server may be another one than before.
      if (made.wrote && made.head <= shown) static_cast<void>(history.lose_from(made.head));
      if (made.wrote) published_(made.head);
      return;
    }
    const bool unknown = made.sent && made.failure->kind != Failure::Kind::Refused;
    if (unknown) {
      resolving_ = true;
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

Answer<void> Appender::connect(Deadline deadline) {
  if (connection_ != nullptr && connection_->is_usable()) return {};
  connection_.reset();
  auto opened = Connection::open(settings_.connection, deadline);
  if (!opened) return std::unexpected(std::move(opened).error());
  if (auto admitted = settings_.history->admit_writer(**opened, deadline); !admitted) {
    return admitted;
  }
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

Answer<void> Appender::store(const AppendGroup& accepted, const StoredState& state,
                             const std::string& suffix, Attempt& made, Deadline deadline) {
  auto calls = write_calls(accepted, state.last_month, suffix, statements_);
  calls.push_back({.sql = "COMMIT"});
  made.sent = true;
  lost_at_once_ = false;  // what that has stored is known by now
  auto written = connection_->run(calls, deadline);
  if (!written) {
    made.sent = written.error().kind != Failure::Kind::Refused;
    return std::unexpected(std::move(written).error());
  }
  made.head = {state.head.value + accepted.events().size()};
  made.wrote = true;
  return {};
}

// Absent: the group is not one that can be stored at once, or it was tried and nothing was stored.
std::optional<Appender::Attempt> Appender::attempt_at_once(std::span<Pending* const> group,
                                                           Deadline deadline) {
  const auto months = months_.list();
  auto window = time_.window(settings_);
  if (resolving_ || months->empty() || !window) return std::nullopt;
  const auto& month = months->months.back();
  window->end = std::min(window->end, month.month.next().begin());
  const auto now = settings_.environment.clock->monotonic_now();
  for (const auto* pending : group) {
    if (!still_wanted(pending->append.context(), now)) return std::nullopt;
  }
  const auto optimistic = OptimisticGroup::of(group);
  if (!optimistic) return std::nullopt;
  const std::array calls = {lock_call(),
                            optimistic->call(month, *window, new_attempt(), statements_)};
  const auto rows = connection_->run(calls, deadline);
  if (!rows) {
    // Ids that are there already, or the tables of the month are gone: that takes a second look.
    if (rows.error().kind == Failure::Kind::Refused && !rows.error().is_passing())
      return std::nullopt;
    lost_at_once_ = true;
    Attempt failed{.results = std::vector<Result<AppendResult>>(group.size()),
                   .failure = rows.error(),
                   .sent = true};
    return failed;
  }
  auto stored = optimistic->take(rows->back());
  if (!stored) return std::nullopt;
  Attempt made{.head = stored->head, .wrote = optimistic->has_events(), .sent = true};
  time_.at(stored->recorded_at, stored->recorded_at, settings_);
  for (auto& result : stored->results) made.results.emplace_back(std::move(result));
  return made;
}

Call Appender::lock_call() {
  return {.sql = statements_.of(kLock),
          .parameters = std::move(
              Parameters().int4(kLockClass).int4(static_cast<std::int32_t>(settings_.lock_key)))};
}

// Everything that the group's outcome depends on, from when the lock is held.
Answer<StoredState> Appender::look(std::span<Pending* const> group, Deadline deadline) {
  std::set<std::string_view> names;
  for (const auto* pending : group) {
    for (const auto& event : pending->append.events()) {
      names.insert(event.event->stream);
      if (event.stated) names.insert(event.stated->stream);
    }
    for (const auto& check : pending->append.checks()) names.insert(check.stream);
  }
  const std::vector<std::string_view> wanted(names.begin(), names.end());

  auto months = months_.list();
  const std::string suffix = months->empty() ? "default" : months->months.back().suffix;
  const std::array calls = {
      Call{.sql = "BEGIN"}, lock_call(), Call{.sql = statements_.of(kHead, suffix)},
      Call{.sql = statements_.of(kStreams, suffix), .parameters = Parameters().text_array(wanted)}};
  auto rows = connection_->run(calls, deadline);
  if (!rows) return std::unexpected(std::move(rows).error());

  StoredState state;
  for (const auto name : wanted) state.streams.emplace(name, StoredStream{});
  const auto* head = &(*rows)[2];
  const auto* streams = &(*rows)[3];
  state.last_month = {head->int4(0, 0)};
  // Another process has begun a month: what was looked at is not the last one.
  if (state.last_month != months->last()) {
    auto loaded = months_.load(*connection_, settings_.schema, deadline);
    if (!loaded) return std::unexpected(std::move(loaded).error());
    months = *loaded;
    const auto& last = months->months.back().suffix;
    const std::array again = {
        Call{.sql = statements_.of(kHead, last)},
        Call{.sql = statements_.of(kStreams, last), .parameters = Parameters().text_array(wanted)}};
    rows = connection_->run(again, deadline);
    if (!rows) return std::unexpected(std::move(rows).error());
    head = rows->data();
    streams = &(*rows)[1];
  }
  state.now = head->timestamptz(0, 3);
  if (!head->is_null(0, 1)) {
    state.head = {head->int8(0, 1)};
    state.recorded_at = head->timestamptz(0, 2);
  }
  auto missing = take_streams(*streams, wanted, state);
  // Streams whose last event lies in an earlier month.
  for (const auto& [month, of_month] : missing) {
    const auto* stored = months->find(month);
    if (stored == nullptr) continue;
    if (auto found = look_up_versions(*stored, of_month, state, deadline); !found) {
      return std::unexpected(std::move(found).error());
    }
  }
  if (auto found = look_up_ids(group, state, deadline); !found) {
    return std::unexpected(std::move(found).error());
  }
  if (auto found = find_matches(group, *months, state, deadline); !found) {
    return std::unexpected(std::move(found).error());
  }
  return state;
}

std::map<Month, std::vector<std::string_view>> Appender::take_streams(
    const Rows& rows, std::span<const std::string_view> names, StoredState& state) {
  std::map<Month, std::vector<std::string_view>> missing;
  for (int row = 0; row < rows.size(); ++row) {
    const auto name = names[rows.int8(row, 0)];
    auto& stream = state.streams.at(name);
    stream.id = static_cast<StreamId>(rows.int8(row, 1));
    stream.month = {rows.int4(row, 2)};
    stream.version = {rows.int8(row, 3)};
    stream.bounds = bounds_in(rows, row, 4);
    if (stream.month != Month{} && stream.month != state.last_month)
      missing[stream.month].push_back(name);
  }
  return missing;
}

Answer<void> Appender::look_up_versions(const StoredMonth& month,
                                        std::span<const std::string_view> names, StoredState& state,
                                        Deadline deadline) {
  const auto rows = connection_->run(
      {.sql = statements_.of(kStreams, month.suffix), .parameters = Parameters().text_array(names)},
      deadline);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    state.streams.at(names[rows->int8(row, 0)]).version = {rows->int8(row, 3)};
  }
  return {};
}

// Ids that the store has just made are nowhere yet.
Answer<void> Appender::look_up_ids(std::span<Pending* const> group, StoredState& state,
                                   Deadline deadline) {
  std::vector<std::string_view> streams;
  std::vector<Uuid> ids;
  for (const auto* pending : group) {
    for (const auto& event : pending->append.events()) {
      if (!event.given_id && !resolving_) continue;
      if (state.streams.at(event.event->stream).id == 0) continue;
      streams.push_back(event.event->stream);
      ids.push_back(event.id);
    }
  }
  if (ids.empty()) return {};
  const auto rows = run(kIds, Parameters().text_array(streams).uuid_array(ids), deadline);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    const auto ordinal = rows->int8(row, 0);
    state.ids.insert_or_assign({streams[ordinal], ids[ordinal]},
                               StoredId{.location = {{rows->int8(row, 1)}, {rows->int8(row, 2)}},
                                        .attempt = rows->int8(row, 3)});
  }
  return {};
}

Answer<void> Appender::find_matches(std::span<Pending* const> group, const MonthList& months,
                                    StoredState& state, Deadline deadline) {
  for (std::size_t index = 0; index < group.size(); ++index) {
    const auto& condition = group[index]->append.condition();
    if (!condition || condition->after >= state.head) continue;
    const Selector selector = condition->query;
    const EventSelection selection{.selector = &selector,
                                   .first = condition->after.value + 1,
                                   .last = state.head.value,
                                   .limit = 1,
                                   .deleted_up_to = state.head,
                                   .strict = true};
    for (auto month = months.ordinal_of({selection.first}); month < months.months.size(); ++month) {
      const auto statement =
          positions_sql(selection, settings_.schema, months.months[month].suffix);
      const auto rows = postgres::run(*connection_, statement, deadline);
      if (!rows) return std::unexpected(rows.error());
      if (rows->empty()) continue;
      state.matches.emplace(index, GlobalPosition{rows->int8(0, 0)});
      break;
    }
  }
  return {};
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
