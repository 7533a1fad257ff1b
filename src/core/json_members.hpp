#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/result.hpp"

namespace eventstore {

// The longest line that is looked at: more than any event within the limits needs.
inline constexpr std::size_t kLineBytesMax = std::size_t{64} << 20;

// One member of a JSON object. `raw` is the value as it stands in the text, without white space
// around it; it may be anything until it has been checked by one of the functions below or by
// check_json().
struct JsonMember {
  std::string_view name;
  std::string_view raw;
};

// Walks the members of the one JSON object that a text is, in order. The text around the values
// is checked on the way; a text whose values are all valid, too, is valid JSON as a whole.
//
// The walk is the project's own because it must hand out values as they stand in the text, and
// wants neither a copy nor an index of the line for that; what the values are is simdjson's to
// judge.
//
// Ownership: borrows the text. A member's name is valid until the next call.
class JsonMembers {
 public:
  explicit JsonMembers(std::string_view text) : text_(text) {}

  // The next member, or nullopt after the last. Fails with InvalidArgument where the text is no
  // JSON object or goes on after it, with LimitExceeded past kLineBytesMax.
  Result<std::optional<JsonMember>> next();

 private:
  Result<std::string_view> name();
  std::unexpected<Error> broken(std::string_view what) const;

  std::string_view text_;
  std::size_t at_ = 0;
  std::string unescaped_name_;
};

// Each reads the raw value of the member `name`, and fails with InvalidArgument, naming it, where
// nothing else is said.

// The view points into `raw`, or into `scratch` where the string had escapes.
Result<std::string_view> read_json_string(std::string_view name, std::string_view raw,
                                          std::string& scratch);
Result<std::vector<std::string>> read_json_strings(std::string_view name, std::string_view raw);
// A whole number up to 2^64 - 1, without sign, point and exponent.
Result<std::uint64_t> read_json_count(std::string_view name, std::string_view raw);
// Fails if `raw` is not a JSON value; with LimitExceeded if it is larger than an event may be.
Result<void> require_json(std::string_view name, std::string_view raw);

}  // namespace eventstore
