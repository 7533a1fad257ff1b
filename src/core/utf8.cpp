#include "core/utf8.hpp"

#include <algorithm>

#include <simdjson.h>

namespace eventstore {

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::size_t utf8_sequence_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte_at = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte_at(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  // The second byte's range keeps out overlong forms, surrogates and what is past U+10FFFF.
  const unsigned char second_min = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned char second_max = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte_at(1) < second_min || byte_at(1) > second_max) return 0;
  for (std::size_t at = 2; at < length; ++at) {
    if ((byte_at(at) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::string storable_text(std::string_view text, std::size_t bytes_max) {
  std::string storable;
  while (!text.empty()) {
    const auto bytes = text.front() == '\0' ? 0 : utf8_sequence_bytes(text);
    const auto piece = bytes == 0 ? std::string_view("?") : text.substr(0, bytes);
    if (storable.size() + piece.size() > bytes_max) break;
    storable += piece;
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return storable;
}

}  // namespace eventstore
