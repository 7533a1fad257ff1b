#include "core/base64.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace eventstore {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint32_t kNoValue = 0xff;

// The six bits that a character stands for; kNoValue for any other.
constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoValue);
  for (std::size_t value = 0; value < kAlphabet.size(); ++value) {
    values[static_cast<unsigned char>(kAlphabet[value])] = static_cast<std::uint8_t>(value);
  }
  return values;
}();

std::uint32_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint32_t value_of(char c) {
  return kValues[static_cast<unsigned char>(c)];
}

char character(std::uint32_t bits, unsigned shift) {
  return kAlphabet[bits >> shift & 0x3f];
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  std::size_t at = 0;
  for (; bytes.size() - at >= 3; at += 3) {
    const auto bits =
        byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8 | byte_at(bytes, at + 2);
    const std::array<char, 4> four{character(bits, 18), character(bits, 12), character(bits, 6),
                                   character(bits, 0)};
    out.append(four.data(), four.size());
  }
  const std::size_t rest = bytes.size() - at;
  if (rest == 0) return;
  const auto bits = byte_at(bytes, at) << 16 | (rest == 2 ? byte_at(bytes, at + 1) << 8 : 0);
  out.push_back(character(bits, 18));
  out.push_back(character(bits, 12));
  out.push_back(rest == 2 ? character(bits, 6) : '=');
  out.push_back('=');
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  if (text.empty()) return bytes;

  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::size_t characters = text.size() - padding;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t invalid = 0;
  std::size_t at = 0;
  for (; characters - at >= 4; at += 4) {
    const std::array<std::uint32_t, 4> values{value_of(text[at]), value_of(text[at + 1]),
                                              value_of(text[at + 2]), value_of(text[at + 3])};
    invalid |= values[0] | values[1] | values[2] | values[3];
    const auto bits = values[0] << 18 | values[1] << 12 | values[2] << 6 | values[3];
    bytes.push_back(static_cast<char>(bits >> 16 & 0xff));
    bytes.push_back(static_cast<char>(bits >> 8 & 0xff));
    bytes.push_back(static_cast<char>(bits & 0xff));
  }
  if (padding > 0) {
    const auto third = padding == 1 ? value_of(text[at + 2]) : 0;
    invalid |= value_of(text[at]) | value_of(text[at + 1]) | third;
    const auto bits = value_of(text[at]) << 12 | value_of(text[at + 1]) << 6 | third;
    bytes.push_back(static_cast<char>(bits >> 10 & 0xff));
    if (padding == 1) bytes.push_back(static_cast<char>(bits >> 2 & 0xff));
    if ((bits & (padding == 1 ? 0x3U : 0x3ffU)) != 0) return std::nullopt;
  }
  if (invalid > 0x3f) return std::nullopt;
  return bytes;
}

}  // namespace eventstore
