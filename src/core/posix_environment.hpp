#pragma once

#include <cstddef>
#include <span>

#include "core/file_system.hpp"

namespace eventstore {

// The operating system's clocks. Safe from any thread.
class PosixClock final : public Clock {
 public:
  Timestamp wall_now() override;
  std::chrono::steady_clock::time_point monotonic_now() override;
};

// The kernel's randomness, fetched some KiB at a time into a buffer of each thread, so that an id
// costs no system call. A child made by fork() starts with a fresh buffer (one made by a bare clone
// system call does not). Safe from any thread.
class PosixRandom final : public RandomSource {
 public:
  void fill(std::span<std::byte> out) override;
};

// The real one. Lives as long as the process.
const Environment& posix_environment();

}  // namespace eventstore
