#include "core/event_text.hpp"

#include <limits>

#include "core/base64.hpp"
#include "core/json_text.hpp"
#include "core/refusal.hpp"

namespace eventstore {

bool fits_in_line(std::string_view json) {
  return !json.empty() && !is_json_space(json.front()) && !is_json_space(json.back()) &&
         !json.contains('\n') && !json.contains('\r');
}

void append_json_strings(std::string& out, TagsView strings) {
  char before = '[';
  for (const std::string_view text : strings) {
    append_json_string(out += before, text);
    before = ',';
  }
  out += strings.empty() ? "[]" : "]";
}

Result<Uuid> read_id(std::string_view name, std::string_view text) {
  if (const auto id = Uuid::parse(text)) return *id;
  return invalid_argument(std::string(name) + ' ' + in_quotes(text) +
                          " is not a UUID, such as \"3b89feab-bfc1-5e0f-8b5a-f7195d5138fc\"");
}

Result<Timestamp> read_time(std::string_view name, std::string_view text) {
  if (const auto time = parse_timestamp(text)) return *time;
  return invalid_argument(std::string(name) + ' ' + in_quotes(text) +
                          " is not a time of RFC 3339, such as \"2010-10-02T07:20:39.266Z\"");
}

Result<std::string> read_base64(std::string_view name, std::string_view text) {
  if (auto bytes = decode_base64(text)) return *std::move(bytes);
  return invalid_argument(std::string(name) + ' ' + in_quotes(text) +
                          " is not Base64 with padding and without white space (RFC 4648)");
}

Result<std::uint32_t> read_schema_version(std::string_view name, std::string_view text) {
  auto count = read_json_count(name, text);
  if (!count) return std::unexpected(std::move(count).error());
  if (*count == 0 || *count > std::numeric_limits<std::uint32_t>::max()) {
    return invalid_argument(std::string(name) + ' ' + in_quotes(text) +
                            " is outside of 1 to 4294967295");
  }
  return static_cast<std::uint32_t>(*count);
}

}  // namespace eventstore
