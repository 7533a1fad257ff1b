#include <algorithm>
#include <string>
#include <utility>

#include "core/json_members.hpp"
#include "core/json_text.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore {

Result<void> validate_stream_metadata(std::string_view json) {
  const auto refused = [](std::string message) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument, .message = std::move(message)});
  };
  if (!is_json(json)) return refused("stream metadata is not valid JSON");
  const auto begin = std::ranges::find_if_not(json, is_json_space);
  if (*begin != '{') return refused("stream metadata must be a JSON object");
  // What the members' values are does not matter, only their names.
  JsonMembers members(json);
  while (true) {
    const auto member = members.next();
    if (!member) return std::unexpected(member.error());
    if (!*member) return {};
    const auto key = (*member)->name;
    if (!key.starts_with('$')) continue;
    return refused("the stream metadata key \"" + std::string(key) +
                   "\" is reserved: keys that start with '$' are the store's own");
  }
}

}  // namespace eventstore
