#pragma once

#include <libpq-fe.h>

namespace eventstore::postgres {

// Asks the server to stop what it does for a connection, and does not wait until it has heard of
// it: libpq does, for as long as it takes, which is for ever where the server, or the way to it,
// hangs. Where many such requests hang already, none is sent, and the server finds out by itself.
//
// Threads: safe from any thread that may use the connection.
void cancel(PGconn* connection);

}  // namespace eventstore::postgres
