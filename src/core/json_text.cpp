#include "core/json_text.hpp"

#include <algorithm>
#include <cstring>

#include "core/hexadecimal.hpp"
#include "core/json_parser.hpp"
#include "eventstore/text.hpp"

namespace eventstore {
namespace {

constexpr std::string_view kSurrogateDigits = "89abcdefABCDEF";  // after "\\ud"

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_number_character(char c) {
  return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

std::size_t count_digits(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
}

// The length of the number, by the grammar of JSON, at the start of `text`; 0 where there is none.
std::size_t number_bytes(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = count_digits(text.substr(at));
  if (whole == 0) return 0;
  at += text[at] == '0' ? 1 : whole;
  if (text.substr(at).starts_with('.')) {
    const std::size_t digits = count_digits(text.substr(at + 1));
    if (digits == 0) return 0;
    at += 1 + digits;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    std::size_t exponent = at + 1;
    if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
    const std::size_t digits = count_digits(text.substr(exponent));
    if (digits == 0) return 0;
    at = exponent + digits;
  }
  return at;
}

// True for an escape of a surrogate, "\ud800" to "\udfff".
bool is_surrogate_escape(std::string_view text) {
  return text.size() >= 6 && text[1] == 'u' && (text[2] == 'd' || text[2] == 'D') &&
         kSurrogateDigits.contains(text[3]);
}

// The library also refuses numbers that no double or 64-bit integer holds, and surrogate escapes
// without their other half: matters of meaning, not of grammar. So that the grammar alone is asked,
// each number becomes "0" and spaces, and each such escape that of U+0020; neither makes a text
// valid that was not.
void make_harmless(char* text, std::size_t size) {
  bool in_string = false;
  for (std::size_t at = 0; at < size; ++at) {
    const std::string_view rest(text + at, size - at);
    if (text[at] == '"') {
      in_string = !in_string;
    } else if (in_string && text[at] == '\\') {
      if (is_surrogate_escape(rest)) text[at + 2] = text[at + 3] = '0';
      ++at;
    } else if (!in_string && is_number_character(text[at])) {
      const std::size_t number = number_bytes(rest);
      if (number == 0) {  // no number, and nothing in it may become one
        while (at + 1 < size && is_number_character(text[at + 1])) ++at;
      } else {
        text[at] = '0';
        std::memset(text + at + 1, ' ', number - 1);
        at += number - 1;
      }
    }
  }
}

JsonFault fault_of(simdjson::error_code error) {
  switch (error) {
    case simdjson::SUCCESS:
      return JsonFault::None;
    case simdjson::UTF8_ERROR:
      return JsonFault::NotUtf8;
    case simdjson::DEPTH_ERROR:
      return JsonFault::TooDeep;
    default:
      return JsonFault::Syntax;
  }
}

}  // namespace

JsonFault check_json(std::string_view text) {
  static thread_local JsonParser parser;
  if (std::ranges::all_of(text, is_json_space)) return JsonFault::Empty;
  if (text.starts_with("\xef\xbb\xbf")) return JsonFault::Syntax;

  char* const copy = parser.copy(text);
  auto error = parser.parse_copy(text.size()).error();
  if (error == simdjson::NUMBER_ERROR || error == simdjson::STRING_ERROR) {
    make_harmless(copy, text.size());
    error = parser.parse_copy(text.size()).error();
  }
  parser.trim();
  return fault_of(error);
}

bool is_json(std::string_view text) {
  return check_json(text) == JsonFault::None;
}

std::string_view to_sentence(JsonFault fault) {
  switch (fault) {
    case JsonFault::None:
      return "is valid JSON";
    case JsonFault::Empty:
      return "has no JSON value";
    case JsonFault::NotUtf8:
      return "is not valid UTF-8";
    case JsonFault::TooDeep:
      return "is JSON nested deeper than 1024 levels";
    case JsonFault::Syntax:
      return "is not one valid JSON value";
  }
  return "is not valid JSON";
}

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(text.substr(copied, at - copied));
    copied = at + 1;
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        append_hex_byte(out += "\\u00", byte);
    }
  }
  out.append(text.substr(copied));
  out.push_back('"');
}

}  // namespace eventstore
