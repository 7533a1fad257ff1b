#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/json_members.hpp"
#include "eventstore/event.hpp"
#include "eventstore/result.hpp"

namespace eventstore {

// What the text forms of events have in common.

// Whether a JSON text can stand in a line as it is and be read back byte for byte: it is not empty,
// has no line break, and no white space around it.
bool fits_in_line(std::string_view json);

// Appends an array of strings.
void append_json_strings(std::string& out, TagsView strings);

// Each reads the text of the member `name`, and fails with InvalidArgument, naming it.
Result<Uuid> read_id(std::string_view name, std::string_view text);
Result<Timestamp> read_time(std::string_view name, std::string_view text);
Result<std::string> read_base64(std::string_view name, std::string_view text);
Result<std::uint32_t> read_schema_version(std::string_view name, std::string_view text);

// Puts a result's value into `place`, or passes its error on.
template <typename Place, typename T>
Result<void> assign(Place& place, Result<T>&& result) {
  if (!result) return std::unexpected(std::move(result).error());
  place = *std::move(result);
  return {};
}

// Hands the members of the JSON object `line` to a Reader, which has `take(const JsonMember&)` for
// each and `finish()` at the end.
template <typename Reader>
Result<NewEvent> read_members(std::string_view line) {
  JsonMembers members(line);
  Reader reader;
  while (true) {
    auto member = members.next();
    if (!member) return std::unexpected(std::move(member).error());
    if (!*member) return reader.finish();
    if (auto taken = reader.take(**member); !taken) {
      return std::unexpected(std::move(taken).error());
    }
  }
}

}  // namespace eventstore
