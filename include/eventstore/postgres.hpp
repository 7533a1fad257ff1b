#pragma once

#include "eventstore/open.hpp"

namespace eventstore {

// Makes open() know the URLs of the PostgreSQL engine, `postgresql://...?schema=NAME` and
// `postgres://...`, from then on. Call it before the first such store is opened; again does no
// harm. For programs that link eventstore::postgres.
//
// A URL is one of libpq (host, port, user, database and all its parameters), with these of the
// engine's own beside them:
//
// `schema=NAME`: where the store lives, "eventstore" unless given. One database can hold many.
//
// `connections=N`: at most so many for reads at once, 8 unless given.
//
// `pooler=transaction`: there is a pooler in between that gives each transaction another session.
//
// `listen=URI`, percent-encoded: where LISTEN has a session of its own, beside such a pooler.
//
// Threads: safe from any thread.
void register_postgres_engine();

}  // namespace eventstore
