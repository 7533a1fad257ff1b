#include "eventstore/uuid.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/file_system.hpp"

namespace eventstore {
namespace {

constexpr std::string_view kText = "3b89feab-bfc1-5e0f-8b5a-f7195d5138fc";

// Every byte that it gives is `byte`.
class OneByte : public RandomSource {
 public:
  explicit OneByte(std::byte byte) : byte_(byte) {}
  void fill(std::span<std::byte> out) override { std::ranges::fill(out, byte_); }

 private:
  std::byte byte_;
};

RC_GTEST_PROP(Uuid, ReadsWhatItWrote, (const std::vector<std::uint8_t>& bytes)) {
  Uuid id;
  for (std::size_t at = 0; at < std::min(bytes.size(), id.bytes.size()); ++at) {
    id.bytes[at] = std::byte{bytes[at]};
  }
  RC_ASSERT(Uuid::parse(id.to_string()) == id);
}

TEST(Uuid, KeepsTheOrderOfItsBytes) {
  const auto id = Uuid::parse(kText);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->bytes.front(), std::byte{0x3b});
  EXPECT_EQ(id->bytes.back(), std::byte{0xfc});
  EXPECT_EQ(id->to_string(), kText);
}

TEST(Uuid, ReadsEitherCaseAndWritesLowerCase) {
  const auto id = Uuid::parse("3B89FEAB-BFC1-5E0F-8B5A-F7195D5138FC");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->to_string(), kText);
}

TEST(Uuid, RefusesAnyCharacterThatDoesNotBelong) {
  for (std::size_t at = 0; at < kText.size(); ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string text(kText);
      text[at] = static_cast<char>(c);
      const bool is_hex =
          (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      EXPECT_EQ(Uuid::parse(text).has_value(), kText[at] == '-' ? c == '-' : is_hex) << text;
    }
  }
}

TEST(Uuid, RefusesAnyOtherLength) {
  EXPECT_FALSE(Uuid::parse(""));
  EXPECT_FALSE(Uuid::parse(kText.substr(1)));
  EXPECT_FALSE(Uuid::parse(std::string(kText) + "0"));
  EXPECT_FALSE(Uuid::parse("{3b89feab-bfc1-5e0f-8b5a-f7195d5138fc}"));
  EXPECT_FALSE(Uuid::parse("3b89feabbfc15e0f8b5af7195d5138fc"));
}

TEST(Uuid, IsNilOnlyAsAllZeros) {
  EXPECT_TRUE(Uuid::parse("00000000-0000-0000-0000-000000000000")->is_nil());
  EXPECT_FALSE(Uuid::parse("00000000-0000-0000-0000-000000000001")->is_nil());
}

TEST(UuidVersion4, IsRandomButForVersionAndVariant) {
  OneByte zeros(std::byte{0x00});
  OneByte ones(std::byte{0xff});
  EXPECT_EQ(make_uuid_v4(zeros).to_string(), "00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(make_uuid_v4(ones).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

// The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22Z.
TEST(UuidVersion7, BeginsWithTheMilliseconds) {
  OneByte zeros(std::byte{0x00});
  const Timestamp now{std::chrono::milliseconds(0x017f22e279b0) + std::chrono::microseconds(999)};
  EXPECT_EQ(make_uuid_v7(zeros, now).to_string(), "017f22e2-79b0-7000-8000-000000000000");
}

TEST(UuidVersion7, BeginsWithZerosBefore1970) {
  OneByte ones(std::byte{0xff});
  const Timestamp before{std::chrono::microseconds(-1)};
  EXPECT_EQ(make_uuid_v7(ones, before).to_string(), "00000000-0000-7fff-bfff-ffffffffffff");
}

}  // namespace
}  // namespace eventstore
