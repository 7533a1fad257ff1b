#include "log/segment_digest.hpp"

#include <xxhash.h>

#include "core/hexadecimal.hpp"

namespace eventstore::log {

SegmentDigest::SegmentDigest()
    : state_(XXH3_createState(), [](XXH3_state_s* state) { XXH3_freeState(state); }) {
  XXH3_128bits_reset(state_.get());
}

void SegmentDigest::add(std::span<const std::byte> bytes) {
  if (!bytes.empty()) XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

std::string SegmentDigest::text() const {
  XXH128_canonical_t canonical{};
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
  std::string text;
  for (const auto byte : canonical.digest) append_hex_byte(text, byte);
  return text;
}

}  // namespace eventstore::log
