#pragma once

#include <filesystem>
#include <string>

namespace eventstore::test {

// A PostgreSQL server that is there for this run of the tests only:
// tests/support/postgres_server.py.
struct PostgresServer {
  std::string url;     // of its database `postgres`, as its superuser, who needs no password
  std::string socket;  // the folder of its Unix socket: what libpq calls the host
  int port = 0;
  int pid = 0;  // of the postmaster
  std::filesystem::path folder;
  std::filesystem::path log;
  std::filesystem::path bin;  // PostgreSQL's own programs
};

// The server of this run: that of ctest's fixture `postgres`, which EVENTSTORE_TEST_POSTGRES_STATE
// leads to (eventstore_test(... POSTGRES) sets it). Where that is not set, as in a test run by
// hand, the first call starts a server that ends with this process. Throws std::runtime_error if
// there is none to be had. Any thread may call it.
const PostgresServer& postgres_server();

// postgres_server().url
std::string postgres_url();

}  // namespace eventstore::test
