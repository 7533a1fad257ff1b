#include "eventstore/uuid.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/file_system.hpp"
#include "core/hexadecimal.hpp"

namespace eventstore {
namespace {

constexpr std::size_t kTextBytes = 36;

constexpr bool has_dash_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

// The value of a hexadecimal digit; 0xff for any other character.
constexpr std::array<std::uint8_t, 256> kDigitValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(0xff);
  for (std::uint8_t value = 0; value < 16; ++value) {
    const auto digit = static_cast<unsigned char>(kHexDigits[value]);
    values[digit] = value;
    if (digit >= 'a') values[digit - 'a' + 'A'] = value;
  }
  return values;
}();

// Marks random bytes as a UUID of `version` (RFC 9562, sections 4.1 and 4.2).
void set_version(Uuid& id, unsigned version) {
  id.bytes[6] = (id.bytes[6] & std::byte{0x0f}) | static_cast<std::byte>(version << 4);
  id.bytes[8] = (id.bytes[8] & std::byte{0x3f}) | std::byte{0x80};
}

}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kTextBytes) return std::nullopt;
  Uuid id;
  std::size_t at = 0;
  for (std::size_t byte = 0; byte < id.bytes.size(); ++byte) {
    if (has_dash_before(byte) && text[at++] != '-') return std::nullopt;
    const auto high = kDigitValues[static_cast<unsigned char>(text[at])];
    const auto low = kDigitValues[static_cast<unsigned char>(text[at + 1])];
    if ((high | low) > 0xf) return std::nullopt;
    id.bytes[byte] = static_cast<std::byte>(high << 4 | low);
    at += 2;
  }
  return id;
}

std::string Uuid::to_string() const {
  std::string text(kTextBytes, '-');
  std::size_t at = 0;
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
    if (has_dash_before(byte)) ++at;
    const auto value = std::to_integer<unsigned>(bytes[byte]);
    text[at++] = kHexDigits[value >> 4];
    text[at++] = kHexDigits[value & 0xf];
  }
  return text;
}

Uuid make_uuid_v4(RandomSource& random) {
  Uuid id;
  random.fill(id.bytes);
  set_version(id, 4);
  return id;
}

Uuid make_uuid_v7(RandomSource& random, Timestamp now) {
  const auto since_1970 =
      std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count();
  const auto milliseconds = since_1970 < 0 ? 0 : static_cast<std::uint64_t>(since_1970);

  Uuid id;
  random.fill(std::span(id.bytes).subspan(6));
  for (unsigned byte = 0; byte < 6; ++byte) {
    id.bytes[byte] = static_cast<std::byte>(milliseconds >> (40 - 8 * byte));
  }
  set_version(id, 7);
  return id;
}

}  // namespace eventstore
