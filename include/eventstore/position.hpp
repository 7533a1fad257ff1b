#pragma once

#include <compare>
#include <cstdint>

namespace eventstore {

// An event's place in the whole store: 1, 2, 3, ... in commit order. 0 stands before the first.
struct GlobalPosition {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(GlobalPosition, GlobalPosition) = default;
};

// An event's place in its stream: the first is 1. As the version of a stream: that of its last
// event, or 0 where there is no such stream.
struct StreamVersion {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(StreamVersion, StreamVersion) = default;
};

}  // namespace eventstore
