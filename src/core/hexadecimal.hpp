#pragma once

#include <string>
#include <string_view>

namespace eventstore {

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

inline void append_hex_byte(std::string& out, unsigned char byte) {
  out.push_back(kHexDigits[byte >> 4]);
  out.push_back(kHexDigits[byte & 0xf]);
}

}  // namespace eventstore
