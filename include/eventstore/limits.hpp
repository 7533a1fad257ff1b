#pragma once

#include <cstddef>

namespace eventstore {

// Bounds of the contract, the same on every engine. Past one: LimitExceeded, and nothing is
// written.
inline constexpr std::size_t kStreamNameBytesMax = 512;  // behind the "$$" of a metadata stream
inline constexpr std::size_t kEventTypeBytesMax = 512;
inline constexpr std::size_t kTagBytesMax = 256;
inline constexpr std::size_t kStateNameBytesMax = 512;  // of checkpoints, leases, groups, members
inline constexpr std::size_t kTagsPerEventMax = 64;
// An event's size is stream name + type + tags + metadata + data.
inline constexpr std::size_t kEventBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kAppendBytesMax = std::size_t{64} << 20;

}  // namespace eventstore
