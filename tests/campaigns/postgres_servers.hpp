#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "eventstore/time.hpp"
#include "postgres/connection.hpp"

// What campaigns over PostgreSQL's server have in common.
namespace eventstore::test {

// The deadline of what must not take long.
Deadline soon(std::chrono::seconds time = std::chrono::seconds(60));

// Throws Violation where it cannot connect.
std::unique_ptr<postgres::Connection> connect_to(const std::string& uri);

// Runs statements without rows; throws Violation where one fails.
void run_sql(postgres::Connection& connection, const std::string& sql);

// Why there is no server for a campaign; absent where there is one. In the process that forks the
// workers, so that they have the same one.
std::optional<std::string> postgres_obstacle();

// A name that nobody else has: `prefix` and some letters.
std::string random_name(const std::string& prefix);

}  // namespace eventstore::test
