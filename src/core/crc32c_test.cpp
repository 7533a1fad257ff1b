#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/codec.hpp"
#include "core/crc32c_variants.hpp"

namespace eventstore {
namespace {

// The definition: one bit at a time.
std::uint32_t crc32c_by_bits(std::span<const std::byte> bytes, std::uint32_t crc) {
  crc = ~crc;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

std::vector<std::byte> mixed_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint32_t state = 12345;
  for (std::byte& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

TEST(Crc32c, AnswersAsRfc3720Says) {
  std::array<std::byte, 32> bytes{};
  EXPECT_EQ(crc32c(bytes), 0x8a9136aaU);
  bytes.fill(std::byte{0xff});
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43U);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(bytes), 0x46dd794eU);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(31 - i);
  EXPECT_EQ(crc32c(bytes), 0x113fdb5cU);

  const std::array<std::uint8_t, 48> iscsi_read = {
      0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
      0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  EXPECT_EQ(crc32c(std::as_bytes(std::span(iscsi_read))), 0xd9963a56U);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, IsTheSameInEveryVariantAtEveryLengthAndAlignment) {
  const std::vector<std::byte> bytes = mixed_bytes(3008);
  const internal::Crc32cFunction hardware = internal::crc32c_hardware();
  for (std::size_t size = 0; size <= 3000; ++size) {
    const auto part = std::span(bytes).subspan(size % 8, size);
    const std::uint32_t before = static_cast<std::uint32_t>(size) * 2654435761U;
    const std::uint32_t expected = crc32c_by_bits(part, before);
    ASSERT_EQ(internal::crc32c_portable(part, before), expected) << size << " bytes";
    ASSERT_EQ(crc32c(part, before), expected) << size << " bytes";
    if (hardware != nullptr) {
      ASSERT_EQ(hardware(part, before), expected) << size << " bytes";
    }
  }
}

TEST(Crc32c, IsTheSameInEveryVariantForLongInputs) {
  const std::vector<std::byte> bytes = mixed_bytes(70'000);
  for (std::size_t size = 6100; size <= bytes.size(); size += 1021) {
    const auto part = std::span(bytes).first(size);
    ASSERT_EQ(crc32c(part), internal::crc32c_portable(part, 0)) << size << " bytes";
  }
}

TEST(Crc32c, GoesOnWhereAnEarlierPartEnded) {
  const std::vector<std::byte> bytes = mixed_bytes(700);
  const std::uint32_t whole = crc32c(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::uint32_t first = crc32c(std::span(bytes).first(cut));
    ASSERT_EQ(crc32c(std::span(bytes).subspan(cut), first), whole) << "cut at " << cut;
  }
}

TEST(Codec, StoresAndLoadsLittleEndianAtAnyAlignment) {
  std::array<std::byte, 11> bytes{};
  store_le(bytes.data() + 3, std::uint64_t{0x0807060504030201});
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(bytes[3 + i], static_cast<std::byte>(i + 1));
  EXPECT_EQ(load_le<std::uint64_t>(bytes.data() + 3), 0x0807060504030201U);
  EXPECT_EQ(load_le<std::uint16_t>(bytes.data() + 4), 0x0302U);
}

}  // namespace
}  // namespace eventstore
