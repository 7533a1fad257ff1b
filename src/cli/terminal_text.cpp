#include "cli/terminal_text.hpp"

#include <cstdint>

#include <fmt/format.h>

namespace eventstore::cli {
namespace {

constexpr char32_t kInvalid = 0xffffffff;

struct CodePoint {
  char32_t value;
  std::size_t bytes;
};

// The code point that `text` (not empty) starts with; kInvalid, of one byte, where it is no UTF-8.
CodePoint decode_first(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const auto lead = byte(0);
  if (lead < 0x80) return {.value = lead, .bytes = 1};

  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  constexpr CodePoint kBroken{.value = kInvalid, .bytes = 1};
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return kBroken;

  char32_t value = lead & (0x7fU >> bytes);
  for (std::size_t at = 1; at < bytes; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return kBroken;
    value = (value << 6) | (byte(at) & 0x3fU);
  }
  const bool overlong = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (overlong || surrogate || value > 0x10ffff) return kBroken;
  return {.value = value, .bytes = bytes};
}

// C0, DEL and C1 controls, line and paragraph separators, and what turns the reading direction.
bool is_control(char32_t value) {
  return value < 0x20 || (value >= 0x7f && value < 0xa0) || value == 0x061c || value == 0x200e ||
         value == 0x200f || (value >= 0x2028 && value <= 0x202e) ||
         (value >= 0x2066 && value <= 0x2069);
}

// Copies `text`, with escape(code point, its bytes) in place of what must not reach a terminal.
template <typename Escape>
std::string escaped(std::string_view text, Escape escape) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto first = decode_first(text);
    const auto bytes = text.substr(0, first.bytes);
    if (first.value == kInvalid || is_control(first.value)) {
      out += escape(first.value, static_cast<unsigned char>(bytes[0]));
    } else {
      out += bytes;
    }
    text.remove_prefix(first.bytes);
  }
  return out;
}

}  // namespace

std::string escape_for_terminal(std::string_view text) {
  return escaped(text, [](char32_t value, unsigned char byte) -> std::string {
    switch (value) {
      case '\n':
        return "\\n";
      case '\r':
        return "\\r";
      case '\t':
        return "\\t";
      default:
        break;
    }
    if (value == kInvalid || value < 0x80) return fmt::format("\\x{:02x}", byte);
    return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(value));
  });
}

std::string escape_json_for_terminal(std::string_view json) {
  return escaped(json, [](char32_t value, unsigned char) -> std::string {
    // JSON has C0 controls only between tokens, and the rest only inside strings.
    if (value == '\n') return "\n";
    if (value < 0x20) return " ";
    return fmt::format("\\u{:04x}", value == kInvalid ? 0xfffd : static_cast<std::uint32_t>(value));
  });
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for (; !text.empty(); ++columns) text.remove_prefix(decode_first(text).bytes);
  return columns;
}

std::string cut_to_columns(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  std::size_t bytes = 0;
  for (std::size_t column = 1; column < columns; ++column) {
    bytes += decode_first(text.substr(bytes)).bytes;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

}  // namespace eventstore::cli
