#include <algorithm>

#include "core/json_members.hpp"
#include "core/json_text.hpp"
#include "core/refusal.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore {

Result<void> validate_stream_metadata(std::string_view json) {
  if (!is_json(json)) return invalid_argument("stream metadata is not valid JSON");
  const auto begin = std::ranges::find_if_not(json, is_json_space);
  if (*begin != '{') return invalid_argument("stream metadata must be a JSON object");
  // What the members' values are does not matter, only their names.
  JsonMembers members(json);
  while (true) {
    const auto member = members.next();
    if (!member) return std::unexpected(member.error());
    if (!*member) return {};
    const auto key = (*member)->name;
    if (!key.starts_with('$')) continue;
    return invalid_argument("the stream metadata key " + in_quotes(key) +
                            " is reserved: keys that start with '$' are the store's own");
  }
}

}  // namespace eventstore
