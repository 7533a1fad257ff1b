#include "cli/store_url.hpp"

#include <gtest/gtest.h>

namespace eventstore::cli {
namespace {

TEST(StoreUrl, IsOfAServerOrNot) {
  EXPECT_TRUE(is_server_url("postgresql://localhost/shop"));
  EXPECT_TRUE(is_server_url("Postgres://localhost/shop"));
  EXPECT_FALSE(is_server_url("file:postgresql"));
  EXPECT_FALSE(is_server_url("postgresql"));
  EXPECT_FALSE(is_server_url("memory:"));
}

TEST(StoreUrl, IsInMemoryOrNot) {
  EXPECT_TRUE(is_memory_url("memory:"));
  EXPECT_TRUE(is_memory_url("Memory:"));
  EXPECT_FALSE(is_memory_url("file:memory:"));
  EXPECT_FALSE(is_memory_url("memory"));
}

TEST(StoreUrl, IsShownWithoutPasswords) {
  EXPECT_EQ(without_passwords("postgresql://kim:secret@db:5432/shop?schema=a"),
            "postgresql://kim:...@db:5432/shop?schema=a");
  EXPECT_EQ(without_passwords("postgres://kim:sec@ret/x@db/shop"), "postgres://kim:...@db/shop");
  EXPECT_EQ(without_passwords("postgresql:///shop?password=secret&user=kim&sslpassword=p&listen="
                              "postgresql%3A%2F%2Fkim%3Asecret%40db%2Fshop"),
            "postgresql:///shop?password=...&user=kim&sslpassword=...&listen=...");
}

TEST(StoreUrl, IsShownAsItIsWithoutOne) {
  for (const auto* const url :
       {"file:/a:b@c?password=x", "postgresql://kim@db:5432/shop?schema=a&connections=4",
        "postgresql://[::1]:5432/shop", "postgresql:///shop", "memory:"}) {
    EXPECT_EQ(without_passwords(url), url);
  }
}

}  // namespace
}  // namespace eventstore::cli
