#include "session.hpp"

#include <chrono>

namespace eventstore::bench {

Deadline patience() {
  return std::chrono::steady_clock::now() + std::chrono::minutes(10);
}

std::unique_ptr<postgres::Connection> connect(const std::string& url) {
  return must(postgres::Connection::open({.uri = url}, patience()));
}

std::string ask_for_text(postgres::Connection& connection, const std::string& sql) {
  const auto rows = must(connection.run({.sql = sql, .prepared = false}, patience()));
  if (rows.empty()) fail("no answer to " + sql);
  return std::string(rows.text(0, 0));
}

}  // namespace eventstore::bench
