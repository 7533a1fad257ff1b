#include "core/name_uuid.hpp"

#include <string>

#include <gtest/gtest.h>

namespace eventstore {
namespace {

// Ids are stored: these must never change.
TEST(NameUuid, IsTheSameForEver) {
  EXPECT_EQ(uuid_from_bytes_hash("a", "b").to_string(), "bbfdf9b0-85ee-8a0a-a8b9-79c9572dc50c");
  EXPECT_EQ(uuid_from_bytes_hash("cloudevents", std::string("/source\0id", 10)).to_string(),
            "7eaa2ea2-e38d-888e-8aa7-5f501957877b");
  EXPECT_EQ(uuid_from_bytes_hash("event 1", std::string(1000, 'x')).to_string(),
            "49ad2a08-812b-822e-a79a-6de9a64c16ce");
}

TEST(NameUuid, DependsOnDomainAndBytes) {
  EXPECT_NE(uuid_from_bytes_hash("a", "bc"), uuid_from_bytes_hash("ab", "c"));
  EXPECT_NE(uuid_from_bytes_hash("a", "b"), uuid_from_bytes_hash("a", "c"));
  EXPECT_NE(uuid_from_bytes_hash("", "b"), uuid_from_bytes_hash("a", "b"));
}

TEST(NameUuid, IsNeverNil) {
  EXPECT_FALSE(uuid_from_bytes_hash("", "").is_nil());
}

}  // namespace
}  // namespace eventstore
