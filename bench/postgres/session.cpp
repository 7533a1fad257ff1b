#include "session.hpp"

#include <chrono>

#include <fmt/format.h>

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

std::string describe_server(postgres::Connection& connection) {
  auto text = fmt::format("PostgreSQL {}", connection.parameter("server_version"));
  for (const auto* const setting : {"shared_buffers", "max_wal_size", "fsync", "full_page_writes",
                                    "synchronous_commit", "wal_sync_method"}) {
    const auto sql = fmt::format("SELECT current_setting('{}')", setting);
    text += fmt::format(", {} {}", setting, ask_for_text(connection, sql));
  }
  return text;
}

}  // namespace eventstore::bench
