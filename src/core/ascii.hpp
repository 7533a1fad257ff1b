#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace eventstore {

inline constexpr std::uint64_t kEachByte = 0x0101010101010101;
inline constexpr std::uint64_t kHighBits = 0x80 * kEachByte;

// Not zero if any of eight bytes is a control character or not ASCII: below 0x20 the subtraction
// borrows into the high bit, from 0x7f on the addition carries into it or it is set already.
constexpr std::uint64_t odd_bytes(std::uint64_t bytes) {
  return (bytes | (bytes + kEachByte) | (bytes - 0x20 * kEachByte)) & kHighBits;
}

// Not zero if any of eight bytes is `byte`.
constexpr std::uint64_t bytes_equal_to(std::uint64_t bytes, char byte) {
  const std::uint64_t zero_where_equal = bytes ^ (static_cast<unsigned char>(byte) * kEachByte);
  return (zero_where_equal - kEachByte) & ~zero_where_equal & kHighBits;
}

// True for printable ASCII, which most names are: they need no closer look.
inline bool is_plain_ascii(std::string_view text) {
  std::uint64_t word = 0;
  if (text.size() < sizeof(word)) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  }
  std::uint64_t odd = 0;
  for (std::size_t at = 0; at + sizeof(word) <= text.size(); at += sizeof(word)) {
    std::memcpy(&word, text.data() + at, sizeof(word));
    odd |= odd_bytes(word);
  }
  std::memcpy(&word, text.data() + text.size() - sizeof(word), sizeof(word));
  return (odd | odd_bytes(word)) == 0;
}

}  // namespace eventstore
