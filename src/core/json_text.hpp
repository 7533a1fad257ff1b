#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace eventstore {

// Arrays and objects within each other, an empty one not counted; what is nested deeper is refused.
inline constexpr std::size_t kJsonDepthMax = 1024;

// What keeps a text from being one JSON value.
enum class JsonFault : std::uint8_t { None, Empty, NotUtf8, TooDeep, Syntax };

// Whether `text` is exactly one JSON value (RFC 8259) in valid UTF-8, white space around it
// allowed, nested at most kJsonDepthMax deep. Numbers of any size and unpaired surrogate escapes
// are valid, as by the grammar; a byte order mark is not.
JsonFault check_json(std::string_view text);

// The end of a sentence that begins with the field's name: "is not valid UTF-8".
std::string_view to_sentence(JsonFault fault);

// White space as of JSON.
constexpr bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Appends `text`, which must be valid UTF-8, as a JSON string; escapes only what JSON demands.
void append_json_string(std::string& out, std::string_view text);

}  // namespace eventstore
