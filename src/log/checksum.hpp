#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/codec.hpp"

namespace eventstore::log {

// `crc` continued over the four bytes of `number`, little-endian.
inline std::uint32_t crc_with_number(std::uint32_t crc, std::uint32_t number) {
  std::array<std::byte, sizeof(number)> bytes{};
  store_le(bytes.data(), number);
  return crc32c(bytes, crc);
}

// The CRC of `bytes` and then the seed, of a segment or of a run, with which every checksum of a
// segment or a posting file ends. `before` is the CRC of what comes before `bytes`.
inline std::uint32_t seeded_crc(std::span<const std::byte> bytes, std::uint32_t seed,
                                std::uint32_t before = 0) {
  return crc_with_number(crc32c(bytes, before), seed);
}

}  // namespace eventstore::log
