#include "support/postgres_server.hpp"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace eventstore::test {
namespace {

TEST(PostgresServer, IsThere) {
  const auto& server = postgres_server();
  const auto port = std::to_string(server.port);
  EXPECT_EQ(server.url, "postgresql://eventstore@127.0.0.1:" + port + "/postgres");
  EXPECT_TRUE(std::filesystem::is_socket(server.socket + "/.s.PGSQL." + port));
  EXPECT_TRUE(std::filesystem::exists("/proc/" + std::to_string(server.pid)));
  EXPECT_TRUE(std::filesystem::is_directory(server.folder / "data"));
  EXPECT_TRUE(std::filesystem::is_regular_file(server.log));
  EXPECT_TRUE(std::filesystem::is_regular_file(server.bin / "postgres"));
}

TEST(PostgresServer, StaysTheSame) {
  EXPECT_EQ(&postgres_server(), &postgres_server());
  EXPECT_EQ(postgres_url(), postgres_server().url);
}

}  // namespace
}  // namespace eventstore::test
