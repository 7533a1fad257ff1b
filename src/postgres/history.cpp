#include "postgres/history.hpp"

#include <algorithm>
#include <utility>

#include "postgres/sql_builder.hpp"

namespace eventstore::postgres {
namespace {

// The timeline is that of the WAL that is being written; the control file's may be an earlier one.
constexpr const char* kServer =
    "SELECT pg_is_in_recovery(), current_setting('fsync'), current_setting('full_page_writes'),"
    " current_setting('synchronous_commit'), CASE WHEN pg_is_in_recovery() THEN ''"
    " ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,"
    " has_function_privilege('pg_control_system()', 'EXECUTE'),"
    " current_setting('default_transaction_isolation')";
constexpr const char* kSystem = "SELECT system_identifier FROM pg_control_system()";

// Also against settings that are changed while the session lasts. Whoever has waited for the lock
// is to see what was committed meanwhile.
constexpr const char* kSetUp =
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off'"
    " THEN 'on' ELSE current_setting('synchronous_commit') END, false),"
    " set_config('default_transaction_isolation', 'read committed', false)";

// Each statement is to see what was committed before it.
constexpr const char* kBegin = "BEGIN ISOLATION LEVEL READ COMMITTED";
constexpr const char* kHead =
    "SELECT pg_is_in_recovery(), (SELECT position FROM {s}.events_{m} ORDER BY position DESC LIMIT"
    " 1)";
constexpr const char* kLock = "SELECT pg_advisory_xact_lock($1::int, $2::int)";
constexpr const char* kId = "SELECT id FROM {s}.events_{m} WHERE position = $1::bigint";

Failure found(ErrorCode code, std::string message) {
  return {.message = message, .found = Error{.code = code, .message = std::move(message)}};
}

Failure found(Error error) {
  return {.message = error.message, .found = std::move(error)};
}

std::string number(GlobalPosition position) {
  return std::to_string(position.value);
}

constexpr const char* kUntilOpened =
    "; nothing is read or appended any more until the store is opened again";

}  // namespace

Answer<History::Server> History::ask(Connection& connection, Deadline deadline) {
  const auto said = connection.run({.sql = kServer}, deadline);
  if (!said) return std::unexpected(said.error());
  Server server{.is_standby = said->boolean(0, 0),
                .has_fsync = said->text(0, 1) != "off",
                .has_full_page_writes = said->text(0, 2) != "off",
                .synchronous_commit = std::string(said->text(0, 3)),
                .timeline = std::string(said->text(0, 4)),
                .isolation = std::string(said->text(0, 6))};
  if (!said->boolean(0, 5)) return server;
  const auto system = connection.run({.sql = kSystem}, deadline);
  if (!system) return std::unexpected(system.error());
  server.system_identifier = system->int8(0, 0);
  return server;
}

Answer<void> History::admit_reader(Connection& connection, Deadline deadline) {
  const auto server = ask(connection, deadline);
  if (!server) return std::unexpected(server.error());
  return admit(connection, *server, deadline);
}

Answer<void> History::admit_writer(Connection& connection, Deadline deadline) {
  const auto server = ask(connection, deadline);
  if (!server) return std::unexpected(server.error());
  if (server->is_standby) {
    return std::unexpected(
        found(ErrorCode::Unavailable, "the server is a standby, which takes no writes"));
  }
  for (const auto& [is_on, setting] :
       {std::pair(server->has_fsync, "fsync"),
        std::pair(server->has_full_page_writes, "full_page_writes")}) {
    if (is_on) continue;
    return std::unexpected(found(ErrorCode::Unsupported,
                                 "the server runs with " + std::string(setting) +
                                     " = off, so that what it acknowledges may be lost; switch it"
                                     " on"));
  }
  if (auto set_up = set_up_writer(connection, *server, deadline); !set_up) return set_up;
  return admit(connection, *server, deadline);
}

Answer<void> History::set_up_writer(Connection& connection, const Server& server,
                                    Deadline deadline) {
  const bool is_off = server.synchronous_commit == "off";
  if (!settings_.connection.prepares) {
    // Where a pooler gives each transaction another session, none can be told.
    if (server.isolation != "read committed") {
      return std::unexpected(
          found(ErrorCode::Unsupported,
                "transactions are " + server.isolation +
                    ", and behind a pooler the store cannot change that; do so for its role: ALTER"
                    " ROLE ... SET default_transaction_isolation = 'read committed'"));
    }
    if (!is_off) return {};
    return std::unexpected(found(
        ErrorCode::Unsupported,
        "sessions run with synchronous_commit = off, and behind a pooler the store cannot switch it"
        " on; do so for its role: ALTER ROLE ... SET synchronous_commit = on"));
  }
  const auto made = connection.run({.sql = kSetUp}, deadline);
  if (!made) return std::unexpected(made.error());
  if (!is_off) return {};
  {
    const MutexLock lock(mutex_);
    if (std::exchange(told_of_commits_, true)) return {};
  }
  settings_.notify(Notice::Level::Warning,
                   "the server runs with synchronous_commit = off; it is switched on for the"
                   " sessions that append to this store");
  return {};
}

Answer<void> History::admit(Connection& connection, const Server& server, Deadline deadline) {
  std::optional<std::uint64_t> system;
  {
    const MutexLock lock(mutex_);
    if (!system_identifier_) system_identifier_ = server.system_identifier;
    system = system_identifier_;
  }
  if (server.system_identifier && server.system_identifier != system) {
    return std::unexpected(
        found(lose({.code = ErrorCode::Corruption,
                    .message = "the server is another one than the store was opened on: its system"
                               " identifier is " +
                               std::to_string(*server.system_identifier) + " and was " +
                               std::to_string(*system) + kUntilOpened})));
  }
  std::string newest;
  {
    const MutexLock lock(mutex_);
    newest = timeline_;
  }
  // It may go on for a while, and lacks what the promoted one has taken since: nothing is lost.
  if (!server.timeline.empty() && server.timeline < newest) {
    return std::unexpected(
        found(ErrorCode::Unavailable, "the server is on timeline " + server.timeline +
                                          ", and a standby that was promoted since is on " +
                                          newest + ": it is not the primary any more"));
  }
  auto compared = compare(connection, deadline);
  if (!compared && server.is_standby && compared.error().is(kUndefinedTable)) {
    // Where it starts again, it may show what it had long before, and then goes on from there.
    return std::unexpected(found(ErrorCode::Unavailable,
                                 "the standby does not have all tables yet of a store of which"
                                 " events were seen elsewhere"));
  }
  if (!compared) return compared;
  std::string before;
  {
    const MutexLock lock(mutex_);
    if (server.timeline <= timeline_) return {};
    before = std::exchange(timeline_, server.timeline);
  }
  if (before.empty()) return {};
  settings_.notify(Notice::Level::Warning,
                   "the server is on timeline " + server.timeline + " and was on " + before +
                       ": a standby was promoted; it has all that this store has seen");
  return {};
}

Answer<void> History::take_head(GlobalPosition head, GlobalPosition shown_before,
                                Connection& connection, Deadline deadline) {
  if (head >= shown_before) {
    show(head);
    return {};
  }
  if (auto admitted = admit_reader(connection, deadline); !admitted) return admitted;
  return std::unexpected(
      found(ErrorCode::Unavailable, "the server was behind what had been seen, and is no longer"));
}

// What was shown is taken down before the server is asked: others may append meanwhile. All is
// asked in one transaction, since behind a pooler the next one may be another server's.
Answer<void> History::compare(Connection& connection, Deadline deadline) {
  GlobalPosition shown;
  Acknowledged last;
  {
    const MutexLock lock(mutex_);
    shown = shown_;
    last = last_;
  }
  if (shown.value == 0) return {};
  if (auto begun = connection.run({.sql = kBegin}, deadline); !begun) {
    return std::unexpected(std::move(begun).error());
  }
  auto compared = compare_with(shown, last, connection, deadline);
  if (connection.is_lost()) return compared;
  auto ended = connection.run({.sql = "ROLLBACK"}, deadline);
  if (compared && !ended) return std::unexpected(std::move(ended).error());
  return compared;
}

Answer<void> History::compare_with(GlobalPosition shown, const Acknowledged& last,
                                   Connection& connection, Deadline deadline) {
  auto stored = ask_head(connection, deadline);
  // A standby may show a commit that its primary keeps to itself until another standby has it, too.
  if (stored && stored->head < shown && !stored->is_standby) {
    const Parameters key = std::move(
        Parameters().int4(kLockClass).int4(static_cast<std::int32_t>(settings_.lock_key)));
    auto locked = connection.run({.sql = kLock, .parameters = key}, deadline);
    if (!locked) return std::unexpected(std::move(locked).error());
    stored = ask_head(connection, deadline);
  }
  if (!stored) return std::unexpected(std::move(stored).error());
  if (stored->head < shown && stored->is_standby) {
    return std::unexpected(found(ErrorCode::Unavailable,
                                 "the standby has events up to position " + number(stored->head) +
                                     " only, and " + number(shown) + " were seen elsewhere"));
  }
  if (stored->head < shown) return std::unexpected(found(lose_from(stored->head, shown)));
  const auto differs = is_another_event(connection, last, *stored->months, deadline);
  if (!differs) return std::unexpected(differs.error());
  if (!*differs) return {};
  return std::unexpected(found(
      lose({.code = ErrorCode::Corruption,
            .message = "another event is at position " + number(last.position) +
                       " than the one that had been stored there: the server lost events, and took"
                       " others in their place" +
                       kUntilOpened,
            .details = DamageDetails{
                .file = {}, .first_position = last.position, .last_position = last.position}})));
}

Answer<History::Stored> History::ask_head(Connection& connection, Deadline deadline) {
  auto months = months_.load(connection, settings_.schema, deadline);
  if (!months) return std::unexpected(std::move(months).error());
  const std::string suffix = (*months)->empty() ? "default" : (*months)->months.back().suffix;
  const auto sql = fill_in(kHead, settings_.schema, suffix);
  const auto rows = connection.run({.sql = sql}, deadline);
  if (!rows) return std::unexpected(rows.error());
  return Stored{
      .is_standby = rows->boolean(0, 0), .head = {rows->int8(0, 1)}, .months = *std::move(months)};
}

// What is deleted, or detached, tells nothing.
Answer<bool> History::is_another_event(Connection& connection, const Acknowledged& last,
                                       const MonthList& months, Deadline deadline) const {
  if (last.position.value == 0 || months.empty()) return false;
  const auto& month = months.months[months.ordinal_of(last.position)];
  const auto sql = fill_in(kId, settings_.schema, month.suffix);
  const auto rows =
      connection.run({.sql = sql, .parameters = Parameters().int8(last.position.value)}, deadline);
  if (!rows && is_detached(rows.error())) return false;
  if (!rows) return std::unexpected(rows.error());
  return !rows->empty() && rows->uuid(0, 0) != last.id;
}

GlobalPosition History::shown() const {
  const MutexLock lock(mutex_);
  return shown_;
}

void History::show(GlobalPosition head) {
  const MutexLock lock(mutex_);
  shown_ = std::max(shown_, head);
}

void History::acknowledge(GlobalPosition position, const Uuid& id) {
  const MutexLock lock(mutex_);
  shown_ = std::max(shown_, position);
  if (position > last_.position) last_ = {.position = position, .id = id};
}

std::optional<Error> History::failure() const {
  const MutexLock lock(mutex_);
  return failure_;
}

Error History::lose_from(GlobalPosition head, GlobalPosition shown) {
  return lose({.code = ErrorCode::Corruption,
               .message = "the server has lost events that were acknowledged: its last one is at"
                          " position " +
                          number(head) + ", and there were some up to " + number(shown) +
                          "; a standby that was behind may have been promoted, or a backup put in"
                          " its place" +
                          kUntilOpened,
               .details = DamageDetails{
                   .file = {}, .first_position = {head.value + 1}, .last_position = shown}});
}

// The first reason stays.
Error History::lose(Error error) {
  {
    const MutexLock lock(mutex_);
    if (failure_) return *failure_;
    failure_ = error;
  }
  settings_.notify(Notice::Level::Error, error.message);
  return error;
}

}  // namespace eventstore::postgres
