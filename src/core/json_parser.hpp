#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <simdjson.h>

namespace eventstore {

// simdjson with the memory it needs: a padded copy of the text, and its own. Each thread keeps one,
// so that small texts do not allocate; what a large one took is given back by trim().
//
// One thread at a time.
class JsonParser {
 public:
  // A copy of `text` with the room behind it that simdjson reads past its end. Valid until the next
  // call; may be changed.
  char* copy(std::string_view text);

  // Parses the first `size` bytes of the last copy. Elements are valid until the next call.
  simdjson::simdjson_result<simdjson::dom::element> parse_copy(std::size_t size);

  void trim();

 private:
  simdjson::dom::parser parser_;
  std::unique_ptr<char[]> bytes_;  // NOLINT(modernize-avoid-c-arrays): left uninitialised
  std::size_t capacity_ = 0;
};

// Parses by the thread's own parser, by the library's rules, which are stricter than
// check_json()'s: of use where the values matter. Elements are valid until the thread's next call.
simdjson::simdjson_result<simdjson::dom::element> parse_json(std::string_view text);

}  // namespace eventstore
