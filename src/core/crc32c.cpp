#include <array>
#include <atomic>

#include "core/codec.hpp"
#include "core/crc32c_variants.hpp"

namespace eventstore {
namespace internal {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected: bit 31 is x^0, bit 0 is x^31

using Table = std::array<std::uint32_t, 256>;

// tables[k][b] is what byte b becomes when k zero bytes follow it.
constexpr std::array<Table, 8> make_tables() {
  std::array<Table, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t zeros = 1; zeros < 8; ++zeros) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[zeros - 1][byte];
      tables[zeros][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr std::array<Table, 8> kTables = make_tables();

}  // namespace

std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t crc) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  crc = ~crc;
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint64_t word = load_le<std::uint64_t>(at) ^ crc;
    crc = kTables[7][word & 0xff] ^ kTables[6][word >> 8 & 0xff] ^ kTables[5][word >> 16 & 0xff] ^
          kTables[4][word >> 24 & 0xff] ^ kTables[3][word >> 32 & 0xff] ^
          kTables[2][word >> 40 & 0xff] ^ kTables[1][word >> 48 & 0xff] ^ kTables[0][word >> 56];
  }
  for (; left > 0; ++at, --left) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(*at)) & 0xff];
  }
  return ~crc;
}

}  // namespace internal

namespace {

std::uint32_t choose_and_compute(std::span<const std::byte> bytes, std::uint32_t crc);

// Set before any constructor runs, so that static objects may compute checksums too. Relaxed: every
// value it ever has is right.
constinit std::atomic<internal::Crc32cFunction> chosen = choose_and_compute;

std::uint32_t choose_and_compute(std::span<const std::byte> bytes, std::uint32_t crc) {
  const internal::Crc32cFunction hardware = internal::crc32c_hardware();
  const internal::Crc32cFunction best = hardware != nullptr ? hardware : internal::crc32c_portable;
  chosen.store(best, std::memory_order_relaxed);
  return best(bytes, crc);
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc) {
  return chosen.load(std::memory_order_relaxed)(bytes, crc);
}

}  // namespace eventstore
