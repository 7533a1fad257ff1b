#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace eventstore {

// Valid UTF-8 as of Unicode (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

// The length in bytes of the UTF-8 sequence at the start of `text`; 0 where there is no valid one.
std::size_t utf8_sequence_bytes(std::string_view text);

// The text as every database takes it: `?` in place of each byte that is not of valid UTF-8, and of
// NUL; at most `bytes_max` bytes.
std::string storable_text(std::string_view text, std::size_t bytes_max);

}  // namespace eventstore
