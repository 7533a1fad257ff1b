#include "postgres/self_test_disturber.hpp"

#include <array>
#include <chrono>
#include <utility>

#include "postgres/store_settings.hpp"

namespace eventstore::postgres {
namespace {

// What a disturbance may take; where it takes longer, it is left out.
Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(10);
}

// The second number of the lock is the schema's object id.
constexpr const char* kLock =
    "SELECT pg_advisory_xact_lock($1::int, to_regnamespace($2::text)::oid::bigint::int),"
    " pg_current_xact_id()::text";

// One of the sessions by that name, by chance.
constexpr const char* kEnd =
    "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
    " WHERE application_name = $1::text AND pid <> pg_backend_pid() AND state LIKE $2::text"
    " ORDER BY random() LIMIT 1) one";

constexpr const char* kEndSelf = "SELECT pg_terminate_backend(pg_backend_pid())";

}  // namespace

SelfTestDisturber::Session SelfTestDisturber::session_of(const std::string& uri) {
  auto opened =
      Connection::open({.uri = uri, .application_name = "eventstore-disturbance"}, soon());
  return opened ? *std::move(opened) : nullptr;
}

void SelfTestDisturber::run() {
  std::uint64_t next = settings_.events_between;
  while (progress_.wait_for(next)) {
    next = progress_.events() + settings_.events_between / 2 +
           random_.below(settings_.events_between + 1);
    switch (random_.below(8)) {
      case 0:
        open_long_transaction(here_, settings_.uri, "long transactions");
        break;
      case 1:
        open_long_transaction(elsewhere_, settings_.other_uri, "long transactions elsewhere");
        break;
      case 2:
        open_long_transaction(snapshot_, settings_.uri, "old snapshots");
        break;
      case 3:
      case 4:
        take_lock_and_roll_back();
        break;
      default:
        end_a_session();
    }
  }
}

// Ends the one that is open; each second time opens the next one.
void SelfTestDisturber::open_long_transaction(Session& held, const std::string& uri,
                                              const char* what) {
  if (std::exchange(held, nullptr) != nullptr || uri.empty()) return;
  auto session = session_of(uri);
  if (session == nullptr) return;
  const bool is_snapshot = &held == &snapshot_;
  const std::array calls = {
      Call{.sql = is_snapshot ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN"},
      Call{.sql = is_snapshot ? "SELECT count(*) FROM pg_class" : "SELECT pg_current_xact_id()"}};
  if (!session->run(calls, soon())) return;
  held = std::move(session);
  progress_.count(what);
}

void SelfTestDisturber::take_lock_and_roll_back() {
  const auto session = session_of(settings_.uri);
  if (session == nullptr) return;
  const std::array calls = {
      Call{.sql = "BEGIN"},
      Call{.sql = kLock, .parameters = Parameters().int4(kLockClass).text(settings_.schema)}};
  if (!session->run(calls, soon())) return;
  // Rolled back by asking for it, by leaving, or by being ended.
  const auto how = random_.below(3);
  if (how == 0) static_cast<void>(session->run({.sql = "ROLLBACK"}, soon()));
  if (how == 1) static_cast<void>(session->run({.sql = kEndSelf}, soon()));
  progress_.count("transactions that took the lock and rolled back");
}

void SelfTestDisturber::end_a_session() {
  const auto session = session_of(settings_.uri);
  if (session == nullptr) return;
  // Mostly one that is at work.
  const auto rows = session->run({.sql = kEnd,
                                  .parameters = Parameters()
                                                    .text(settings_.application_name)
                                                    .text(random_.chance(3, 4) ? "active%" : "%")},
                                 soon());
  if (rows && !rows->empty() && rows->boolean(0, 0)) progress_.count("sessions ended");
}

}  // namespace eventstore::postgres
