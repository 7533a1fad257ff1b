#include "log/key.hpp"

#include <array>
#include <cstring>

// Compiled in, so that a short key is hashed without a call, and a hash state fits on the stack.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "eventstore/limits.hpp"

namespace eventstore::log {
namespace {

// XXH3-64 of `head` followed by `tail`.
template <std::size_t HeadBytes>
std::uint64_t hash_pair(const std::array<std::byte, HeadBytes>& head, std::string_view tail,
                        std::uint64_t secret) {
  // All but the longest names of metadata streams fit; the streaming form below gives the same.
  // Zeroing the buffer would cost more than the hash.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  std::array<std::byte, HeadBytes + kStreamNameBytesMax> joined;
  if (tail.size() <= kStreamNameBytesMax) {
    std::memcpy(joined.data(), head.data(), HeadBytes);
    if (!tail.empty()) std::memcpy(joined.data() + HeadBytes, tail.data(), tail.size());
    return XXH3_64bits_withSeed(joined.data(), HeadBytes + tail.size(), secret);
  }
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset_withSeed(&state, secret);
  XXH3_64bits_update(&state, head.data(), HeadBytes);
  XXH3_64bits_update(&state, tail.data(), tail.size());
  return XXH3_64bits_digest(&state);
}

}  // namespace

std::uint64_t hash_key(KeyKind kind, std::string_view text, std::uint64_t secret) {
  return hash_pair(std::array{static_cast<std::byte>(kind)}, text, secret);
}

std::uint64_t hash_id(std::string_view stream, const Uuid& id, std::uint64_t secret) {
  return hash_pair(id.bytes, stream, secret);
}

}  // namespace eventstore::log
