#include <nlohmann/json.hpp>

#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore {

Result<void> validate_stream_metadata(std::string_view json) {
  const auto refused = [](std::string message) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument, .message = std::move(message)});
  };
  if (!is_json(json)) return refused("stream metadata is not valid JSON");
  const auto object = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return refused("stream metadata must be a JSON object");
  for (const auto& item : object.items()) {
    if (item.key().starts_with('$')) {
      return refused("the stream metadata key \"" + item.key() +
                     "\" is reserved: keys that start with '$' are the store's own");
    }
  }
  return {};
}

}  // namespace eventstore
