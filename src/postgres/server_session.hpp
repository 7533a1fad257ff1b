#pragma once

#include <cstdint>
#include <optional>

#include "eventstore/time.hpp"
#include "postgres/connection.hpp"

namespace eventstore::postgres {

// One session of the server. Numbers of processes come again, so its beginning is part of it.
struct ServerSession {
  std::int32_t process = 0;
  Timestamp since = {};
};

// That of `connection`. Absent: the server does not show it.
Answer<std::optional<ServerSession>> session_of(Connection& connection, Deadline deadline);

// Asks the server to end it, and waits for up to a second until it is gone.
Answer<void> end_session(Connection& connection, const ServerSession& session, Deadline deadline);

Answer<bool> is_there(Connection& connection, const ServerSession& session, Deadline deadline);

}  // namespace eventstore::postgres
