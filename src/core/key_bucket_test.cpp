#include "core/key_bucket.hpp"

#include <gtest/gtest.h>

namespace eventstore {
namespace {

// As docs/formats/state.md says, and what is stored relies on.
TEST(KeyBucket, IsTheSameForEver) {
  EXPECT_EQ(bucket_of("order-1"), 118U);
  EXPECT_EQ(bucket_of("a"), 543U);
}

}  // namespace
}  // namespace eventstore
