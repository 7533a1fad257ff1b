#include "log/key.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <xxhash.h>

namespace eventstore::log {
namespace {

constexpr std::uint64_t kSecret = 0x0123456789abcdef;

TEST(Key, HashesKindAndTextAtEveryLength) {
  for (std::size_t length = 0; length < 1100; ++length) {
    const std::string text(length, 'x');
    const std::string hashed = '\x03' + text;
    EXPECT_EQ(hash_key(KeyKind::Type, text, kSecret),
              XXH3_64bits_withSeed(hashed.data(), hashed.size(), kSecret))
        << length;
  }
}

TEST(Key, HashesIdAndStreamAtEveryLength) {
  Uuid id;
  for (std::size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<std::byte>(0xf0 + i);
  for (std::size_t length = 0; length < 1100; ++length) {
    const std::string stream(length, 's');
    std::string hashed;
    for (const auto byte : id.bytes) hashed.push_back(std::to_integer<char>(byte));
    hashed += stream;
    EXPECT_EQ(hash_id(stream, id, kSecret),
              XXH3_64bits_withSeed(hashed.data(), hashed.size(), kSecret))
        << length;
  }
}

// The hashes are format: they must be these for ever.
TEST(Key, KeepsItsHashes) {
  EXPECT_EQ(hash_key(KeyKind::Stream, "account-1", kSecret), 0xefc29772d6ad53db);
  EXPECT_EQ(hash_id("account-1", Uuid{}, kSecret), 0x0070aec2adf2002c);
}

}  // namespace
}  // namespace eventstore::log
