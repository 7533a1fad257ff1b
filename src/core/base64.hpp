#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace eventstore {

// Base64 with the standard alphabet and padding (RFC 4648, section 4).
void append_base64(std::string& out, std::string_view bytes);

// Absent where `text` is anything else than what append_base64() writes: white space, a missing '='
// and stray bits before one are all refused.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace eventstore
