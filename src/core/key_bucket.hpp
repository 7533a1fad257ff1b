#pragma once

#include <cstdint>
#include <string_view>

namespace eventstore {

// What is spread over members or workers is spread by the bucket of its key.
inline constexpr std::uint32_t kBuckets = 1024;

// XXH3-64 of the key's bytes, modulo 1,024. The same for ever: it is stored.
std::uint32_t bucket_of(std::string_view key);

}  // namespace eventstore
