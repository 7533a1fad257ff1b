#include "core/refusal.hpp"

#include <array>
#include <cstddef>
#include <utility>

#include "core/hexadecimal.hpp"
#include "core/utf8.hpp"

namespace eventstore {
namespace {

constexpr std::size_t kQuotedBytesMax = 60;

// Appends the first character of `text`, and returns how many of its bytes that was.
std::size_t append_escaped(std::string& out, std::string_view text) {
  const auto byte = static_cast<unsigned char>(text.front());
  const std::size_t length = utf8_sequence_bytes(text);
  if (length == 0) {
    append_hex_byte(out += "\\x", byte);
    return 1;
  }
  if (byte < 0x20 || byte == 0x7f) {
    append_hex_byte(out += "\\u00", byte);
    return 1;
  }
  // U+0080..009F: control characters of two bytes, of which the second is the code.
  if (byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) {
    append_hex_byte(out += "\\u00", static_cast<unsigned char>(text[1]));
    return 2;
  }
  if (byte == '"' || byte == '\\') out.push_back('\\');
  out.append(text.substr(0, length));
  return length;
}

}  // namespace

std::unexpected<Error> invalid_argument(std::string message) {
  return std::unexpected(Error{.code = ErrorCode::InvalidArgument, .message = std::move(message)});
}

std::unexpected<Error> limit_exceeded(std::string_view subject, const Excess& excess) {
  std::string message(subject);
  message += " has " + std::to_string(excess.actual) + ' ';
  message.append(excess.unit);
  message += ", more than the " + std::to_string(excess.allowed) + " allowed";
  return std::unexpected(Error{
      .code = ErrorCode::LimitExceeded,
      .message = std::move(message),
      .details = LimitDetails{
          .limit = std::string(excess.limit), .actual = excess.actual, .allowed = excess.allowed}});
}

std::unexpected<Error> within(std::string_view place, Error error) {
  std::string message(place);
  message += ": ";
  error.message.insert(0, message);
  return std::unexpected(std::move(error));
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  std::size_t at = 0;
  while (at < text.size() && at < kQuotedBytesMax) at += append_escaped(out, text.substr(at));
  out += at < text.size() ? "...\"" : "\"";
  return out;
}

}  // namespace eventstore
