#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "core/codec.hpp"

namespace eventstore {

// Appends the stored form that TagsView reads: for each tag its length (u16, little-endian) and its
// bytes. The tags have passed validate().
inline void append_encoded_tags(std::string& out, std::span<const std::string> tags) {
  for (const std::string& tag : tags) {
    std::array<char, sizeof(std::uint16_t)> length{};
    store_le(length.data(), static_cast<std::uint16_t>(tag.size()));
    out.append(length.data(), length.size());
    out.append(tag);
  }
}

}  // namespace eventstore
