#include "core/json_parser.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/json_text.hpp"

namespace eventstore {
namespace {

constexpr std::size_t kBytesMin = 4096;
constexpr std::size_t kBytesKept = std::size_t{1} << 20;

// The library counts the values within, the innermost too.
constexpr std::size_t kParserDepth = kJsonDepthMax + 1;

}  // namespace

char* JsonParser::copy(std::string_view text) {
  const std::size_t needed = text.size() + simdjson::SIMDJSON_PADDING;
  if (capacity_ < needed) {
    capacity_ = std::max(std::bit_ceil(needed), kBytesMin);
    bytes_ = std::make_unique_for_overwrite<char[]>(capacity_);  // NOLINT(modernize-avoid-c-arrays)
  }
  if (!text.empty()) std::memcpy(bytes_.get(), text.data(), text.size());
  std::memset(bytes_.get() + text.size(), ' ', simdjson::SIMDJSON_PADDING);
  return bytes_.get();
}

simdjson::simdjson_result<simdjson::dom::element> JsonParser::parse_copy(std::size_t size) {
  if (parser_.capacity() < size || parser_.max_depth() != kParserDepth) {
    const std::size_t capacity = std::max(std::bit_ceil(size), kBytesMin);
    if (const auto error = parser_.allocate(capacity, kParserDepth)) return error;
  }
  return parser_.parse(bytes_.get(), size, false);
}

void JsonParser::trim() {
  if (capacity_ <= kBytesKept) return;
  bytes_.reset();
  capacity_ = 0;
  parser_ = simdjson::dom::parser();
}

simdjson::simdjson_result<simdjson::dom::element> parse_json(std::string_view text) {
  static thread_local JsonParser parser;
  parser.trim();
  parser.copy(text);
  return parser.parse_copy(text.size());
}

}  // namespace eventstore
