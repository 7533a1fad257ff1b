#include "core/key_bucket.hpp"

#include <xxhash.h>

namespace eventstore {

std::uint32_t bucket_of(std::string_view key) {
  return static_cast<std::uint32_t>(XXH3_64bits(key.data(), key.size()) % kBuckets);
}

}  // namespace eventstore
