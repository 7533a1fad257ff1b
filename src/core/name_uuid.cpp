#include "core/name_uuid.hpp"

#include <cstddef>
#include <cstring>

#include <xxhash.h>

#include "eventstore/text.hpp"

namespace eventstore {

Uuid uuid_from_bytes_hash(std::string_view domain, std::string_view bytes) {
  const XXH64_hash_t seed = XXH3_64bits(domain.data(), domain.size());
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  XXH128_canonical_t canonical;  // big-endian: the same on every machine
  XXH128_canonicalFromHash(&canonical, hash);

  Uuid id;
  static_assert(sizeof(canonical.digest) == sizeof(id.bytes));
  std::memcpy(id.bytes.data(), canonical.digest, sizeof(id.bytes));
  id.bytes[6] = (id.bytes[6] & std::byte{0x0f}) | std::byte{0x80};  // version 8
  id.bytes[8] = (id.bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  return id;
}

// The ordinal is part of the hash's domain, so that the bytes need no copy.
Uuid derive_event_id(std::string_view bytes, std::uint64_t ordinal) {
  return uuid_from_bytes_hash("event " + std::to_string(ordinal), bytes);
}

}  // namespace eventstore
