#pragma once

#include <exception>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "eventstore/document.hpp"

namespace eventstore {

// For programs that have nlohmann::json themselves: no target of the library brings it.
//
// Keeps a type that nlohmann::json converts (NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE, to_json() and
// from_json()) as a JSON document:
//
//   template <>
//   struct eventstore::DocumentCodec<Account> : eventstore::JsonDocumentCodec<Account> {};
template <typename T>
struct JsonDocumentCodec {
  static std::string encode(const T& value) { return nlohmann::json(value).dump(); }
  static Result<T> decode(std::string_view text) {
    try {
      return nlohmann::json::parse(text).template get<T>();
    } catch (const std::exception& error) {
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument,
                .message = std::string("a document is not what it is read as: ") + error.what()});
    }
  }
};

// What ProjectionContext::edit() makes of one is null at first: naming a member makes it an object.
template <>
struct DocumentCodec<nlohmann::json> : JsonDocumentCodec<nlohmann::json> {};

}  // namespace eventstore
