#include "core/json_members.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/ascii.hpp"
#include "core/json_parser.hpp"
#include "core/json_text.hpp"
#include "core/refusal.hpp"
#include "eventstore/limits.hpp"

namespace eventstore {
namespace {

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_json_space(text[at])) ++at;
  return at;
}

// The next quote or backslash from `at` on; the end of the text where there is none.
std::size_t next_special(std::string_view text, std::size_t at) {
  std::uint64_t word = 0;
  while (text.size() - at >= sizeof(word)) {  // eight bytes at a time while neither is among them
    std::memcpy(&word, text.data() + at, sizeof(word));
    if ((bytes_equal_to(word, '"') | bytes_equal_to(word, '\\')) != 0) break;
    at += sizeof(word);
  }
  while (at < text.size() && text[at] != '"' && text[at] != '\\') ++at;
  return at;
}

// Where the string that starts at `at` ends: after its closing quote, or npos.
std::size_t string_end(std::string_view text, std::size_t at) {
  at = next_special(text, at + 1);
  while (at + 1 < text.size() && text[at] == '\\') at = next_special(text, at + 2);
  return at < text.size() && text[at] == '"' ? at + 1 : std::string_view::npos;
}

// Where the array or object that starts at `at` ends, counting brackets of either kind alike.
std::size_t container_end(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    switch (text[at]) {
      case '"':
        at = string_end(text, at);
        if (at == std::string_view::npos) return at;
        continue;
      case '[':
      case '{':
        ++depth;
        break;
      case ']':
      case '}':
        if (--depth == 0) return at + 1;
        break;
      default:
        break;
    }
    ++at;
  }
  return std::string_view::npos;
}

// Where the value that starts at `at` ends, whatever it is worth; `at` where there is none.
std::size_t value_end(std::string_view text, std::size_t at) {
  if (at >= text.size()) return at;
  if (text[at] == '"') return string_end(text, at);
  if (text[at] == '{' || text[at] == '[') return container_end(text, at);
  const auto ends = [](char c) { return c == ',' || c == '}' || c == ']' || is_json_space(c); };
  while (at < text.size() && !ends(text[at])) ++at;
  return at;
}

struct RawValue {
  std::string_view raw;
  std::size_t next;  // what follows it and the white space after it
};

// Absent where there is no value or it does not end.
std::optional<RawValue> value_at(std::string_view text, std::size_t at) {
  const std::size_t begin = skip_space(text, at);
  const std::size_t end = value_end(text, begin);
  if (end == begin || end == std::string_view::npos) return std::nullopt;
  return RawValue{.raw = text.substr(begin, end - begin), .next = skip_space(text, end)};
}

bool is_at(std::string_view text, std::size_t at, char c) {
  return at < text.size() && text[at] == c;
}

// `name` as the subject of a sentence: most fields need no quotes.
std::string subject(std::string_view name) {
  const bool is_plain = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  return is_plain ? std::string(name) : in_quotes(name);
}

}  // namespace

std::unexpected<Error> JsonMembers::broken(std::string_view what) const {
  std::string message = "line " + in_quotes(text_) + " is not one JSON object: ";
  message.append(what);
  return invalid_argument(message + " at byte " + std::to_string(at_));
}

Result<std::optional<JsonMember>> JsonMembers::next() {
  const bool is_first = at_ == 0;
  if (is_first && text_.size() > kLineBytesMax) {
    return limit_exceeded(
        "line", {.limit = "line_bytes_max", .actual = text_.size(), .allowed = kLineBytesMax});
  }
  at_ = skip_space(text_, at_);
  if (is_first) {
    if (!is_at(text_, at_, '{')) return broken("expected '{'");
    at_ = skip_space(text_, at_ + 1);
  }
  if (is_at(text_, at_, '}')) {
    at_ = skip_space(text_, at_ + 1);
    if (at_ != text_.size()) return broken("something follows it");
    return std::nullopt;
  }
  if (!is_first) {
    if (!is_at(text_, at_, ',')) return broken("expected ',' or '}'");
    at_ = skip_space(text_, at_ + 1);
  }

  const auto found = name();
  if (!found) return std::unexpected(found.error());
  if (!is_at(text_, at_, ':')) return broken("expected ':'");
  const auto value = value_at(text_, at_ + 1);
  if (!value) return broken("expected a whole value");
  at_ = value->next;
  return JsonMember{.name = *found, .raw = value->raw};
}

Result<std::string_view> JsonMembers::name() {
  const std::size_t end = is_at(text_, at_, '"') ? string_end(text_, at_) : std::string_view::npos;
  if (end == std::string_view::npos) return broken("expected a name in quotes");
  const auto raw = text_.substr(at_, end - at_);
  at_ = skip_space(text_, end);
  return read_json_string("a name", raw, unescaped_name_);
}

Result<std::string_view> read_json_string(std::string_view name, std::string_view raw,
                                          std::string& scratch) {
  const auto refused = [&](std::string_view why) {
    return invalid_argument(subject(name) + ' ' + in_quotes(raw) + ' ' + std::string(why));
  };
  if (!raw.starts_with('"')) return refused("is not a string");
  const auto inner = raw.substr(1, raw.size() - 2);
  if (is_plain_ascii(inner) && !inner.contains('\\')) return inner;

  const auto text = parse_json(raw).get_string();
  if (text.error() == simdjson::UTF8_ERROR) return refused("is not valid UTF-8");
  if (text.error()) return refused("is not a string of valid characters and escapes");
  scratch = text.value_unsafe();
  return scratch;
}

Result<std::vector<std::string>> read_json_strings(std::string_view name, std::string_view raw) {
  const auto refused = [&] {
    return invalid_argument(subject(name) + ' ' + in_quotes(raw) + " is not an array of strings");
  };
  std::vector<std::string> strings;
  if (!raw.starts_with('[')) return refused();
  std::size_t at = skip_space(raw, 1);
  if (is_at(raw, at, ']'))
    return at + 1 == raw.size() ? Result<std::vector<std::string>>(strings) : refused();
  std::string scratch;
  while (true) {
    const auto value = value_at(raw, at);
    if (!value) return refused();
    auto text = read_json_string(name, value->raw, scratch);
    if (!text) return std::unexpected(std::move(text).error());
    strings.emplace_back(*text);
    if (is_at(raw, value->next, ']') && value->next + 1 == raw.size()) return strings;
    if (!is_at(raw, value->next, ',')) return refused();
    at = value->next + 1;
  }
}

Result<std::uint64_t> read_json_count(std::string_view name, std::string_view raw) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  const bool has_leading_zero = raw.size() > 1 && raw.front() == '0';
  if (error != std::errc() || end != raw.data() + raw.size() || has_leading_zero) {
    return invalid_argument(subject(name) + ' ' + in_quotes(raw) + " is not a whole number");
  }
  return value;
}

Result<void> require_json(std::string_view name, std::string_view raw) {
  // No event can hold it, and to check it would take several times its size.
  if (raw.size() > kEventBytesMax) {
    return limit_exceeded(
        subject(name),
        {.limit = "event_bytes_max", .actual = raw.size(), .allowed = kEventBytesMax});
  }
  const JsonFault fault = check_json(raw);
  if (fault == JsonFault::None) return {};
  return invalid_argument(subject(name) + ' ' + in_quotes(raw) + ' ' +
                          std::string(to_sentence(fault)));
}

}  // namespace eventstore
