#include "postgres/server_session.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kOwn =
    "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()";
constexpr const char* kEnd =
    "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE pid = $1::int AND"
    " backend_start = $2::timestamptz";
constexpr const char* kIsThere =
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1::int AND backend_start ="
    " $2::timestamptz)";

Answer<Rows> ask(Connection& connection, const char* sql, const ServerSession& session,
                 Deadline deadline) {
  return connection.run(
      {.sql = sql, .parameters = Parameters().int4(session.process).timestamptz(session.since)},
      deadline);
}

}  // namespace

Answer<std::optional<ServerSession>> session_of(Connection& connection, Deadline deadline) {
  const auto rows = connection.run({.sql = kOwn}, deadline);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return ServerSession{.process = rows->int4(0, 0), .since = rows->timestamptz(0, 1)};
}

Answer<void> end_session(Connection& connection, const ServerSession& session, Deadline deadline) {
  const auto ended = ask(connection, kEnd, session, deadline);
  if (!ended) return std::unexpected(ended.error());
  return {};
}

Answer<bool> is_there(Connection& connection, const ServerSession& session, Deadline deadline) {
  const auto found = ask(connection, kIsThere, session, deadline);
  if (!found) return std::unexpected(found.error());
  return found->boolean(0, 0);
}

}  // namespace eventstore::postgres
