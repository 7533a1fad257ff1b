#include "postgres/url.hpp"

#include <gtest/gtest.h>

namespace eventstore::postgres {
namespace {

TEST(StoreUrl, LeavesToLibpqWhatIsNotItsOwn) {
  const auto url =
      parse_store_url("postgresql://u:p@h:5432/db?sslmode=require&schema=shop&connect_timeout=3");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->uri, "postgresql://u:p@h:5432/db?sslmode=require&connect_timeout=3");
  EXPECT_EQ(url->schema, "shop");
  EXPECT_EQ(url->listen_uri, url->uri);
  EXPECT_FALSE(url->pooled);
}

TEST(StoreUrl, HasASchemaWhereNoneIsGiven) {
  EXPECT_EQ(parse_store_url("postgresql:///db")->schema, "eventstore");
  EXPECT_EQ(parse_store_url("postgresql:///db?")->schema, "eventstore");
}

TEST(StoreUrl, ListensElsewhereBesideAPooler) {
  const auto pooled = parse_store_url("postgresql://h/db?pooler=transaction");
  ASSERT_TRUE(pooled);
  EXPECT_TRUE(pooled->pooled);
  EXPECT_EQ(pooled->listen_uri, "");
  const auto direct =
      parse_store_url("postgresql://h/db?pooler=transaction&listen=postgresql%3A%2F%2Fd%2Fdb");
  ASSERT_TRUE(direct) << direct.error().message;
  EXPECT_EQ(direct->listen_uri, "postgresql://d/db");
}

TEST(StoreUrl, SaysHowLongToWaitAndWhetherToMigrate) {
  const auto plain = parse_store_url("postgresql://h/db");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->patience, std::chrono::seconds(30));
  EXPECT_TRUE(plain->migrates);
  const auto url = parse_store_url("postgresql://h/db?patience=3600&migrate=off&sslmode=require");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->patience, std::chrono::hours(1));
  EXPECT_FALSE(url->migrates);
  EXPECT_EQ(url->uri, "postgresql://h/db?sslmode=require");
}

TEST(StoreUrl, IsRefusedWhereItIsMalformed) {
  for (const char* query :
       {"schema=", "schema=a%20b", "schema=1a", "schema=%22", "schema=a%", "schema=%zz",
        "schema=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeee", "pooler=some", "connections=0",
        "connections=1001", "connections=x", "patience=0", "patience=3601", "patience=1s",
        "migrate=no", "listen=http%3A%2F%2Fx", "unknown=1"}) {
    const auto url = parse_store_url("postgresql://h/db?" + std::string(query));
    ASSERT_FALSE(url) << query;
    EXPECT_EQ(url.error().code, ErrorCode::InvalidArgument) << query;
  }
}

TEST(LibpqParameter, IsWhatTheUriSays) {
  const std::string uri = "postgresql://a,b:7/db?options=-c%20jit%3Doff";
  EXPECT_EQ(libpq_parameter(uri, "host"), "a,b");
  EXPECT_EQ(libpq_parameter(uri, "port"), ",7");
  EXPECT_EQ(libpq_parameter(uri, "options"), "-c jit=off");
  EXPECT_EQ(libpq_parameter(uri, "hostaddr"), "");
  EXPECT_EQ(libpq_parameter("postgresql://a?unknown=1", "host"), "");
}

TEST(Quoted, DoublesQuotes) {
  EXPECT_EQ(quote_identifier("a"), "\"a\"");
  EXPECT_EQ(quote_identifier("a\"b"), "\"a\"\"b\"");
}

}  // namespace
}  // namespace eventstore::postgres
