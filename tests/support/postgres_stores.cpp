#include "support/postgres_stores.hpp"

#include <chrono>
#include <functional>
#include <stdexcept>

#include "eventstore/postgres.hpp"
#include "postgres/connection.hpp"
#include "postgres/url.hpp"
#include "support/postgres_server.hpp"

namespace eventstore::test {

std::string postgres_store_url(const std::string& folder) {
  register_postgres_engine();
  const auto number = std::hash<std::string>{}(folder);
  return postgres_url() + "?schema=test_" + std::to_string(number);
}

void remove_postgres_store(const std::string& url) {
  const auto parsed = postgres::parse_store_url(url);
  if (!parsed) throw std::runtime_error(parsed.error().message);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto connection = postgres::Connection::open({.uri = parsed->uri}, deadline);
  if (!connection) throw std::runtime_error(connection.error().message);
  const auto sql =
      "DROP SCHEMA IF EXISTS " + postgres::quote_identifier(parsed->schema) + " CASCADE";
  const auto dropped = (*connection)->run_script(sql, deadline);
  if (!dropped) throw std::runtime_error(dropped.error().message);
}

}  // namespace eventstore::test
