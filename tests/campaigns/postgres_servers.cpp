#include "campaigns/postgres_servers.hpp"

#include <array>
#include <cstddef>
#include <exception>

#include "campaigns/violation.hpp"
#include "core/posix_environment.hpp"
#include "support/postgres_server.hpp"

namespace eventstore::test {

Deadline soon(std::chrono::seconds time) {
  return std::chrono::steady_clock::now() + time;
}

std::unique_ptr<postgres::Connection> connect_to(const std::string& uri) {
  auto opened = postgres::Connection::open({.uri = uri, .application_name = "campaign"}, soon());
  if (!opened) throw Violation{"no connection to " + uri + ": " + opened.error().message};
  return *std::move(opened);
}

// Some of it waits for a checkpoint, as DROP DATABASE does.
void run_sql(postgres::Connection& connection, const std::string& sql) {
  const auto done = connection.run_script(sql, soon(std::chrono::minutes(5)));
  if (!done) throw Violation{sql + ": " + done.error().message};
}

std::optional<std::string> postgres_obstacle() {
  try {
    static_cast<void>(postgres_server());
    return std::nullopt;
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::string random_name(const std::string& prefix) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz012345";
  std::array<std::byte, 12> bytes{};
  posix_environment().random->fill(bytes);
  auto name = prefix;
  for (const auto byte : bytes) name += kLetters[std::to_integer<std::size_t>(byte) % 32];
  return name;
}

}  // namespace eventstore::test
