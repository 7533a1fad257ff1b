#include "core/pause.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace eventstore {

std::chrono::milliseconds pause_after(RandomSource& random, std::uint32_t attempts,
                                      std::chrono::milliseconds shortest,
                                      std::chrono::milliseconds longest) {
  const auto doublings = std::min(std::max(attempts, 1U) - 1, 30U);
  // Divided, since multiplied it could be too large for the type.
  const bool is_longest = shortest > longest / (std::int64_t{1} << doublings);
  const auto whole = is_longest ? longest : shortest * (std::int64_t{1} << doublings);
  std::array<std::byte, 1> byte{};
  random.fill(byte);
  return whole - whole / 2 * std::to_integer<int>(byte[0]) / 255;
}

bool wait_out(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace eventstore
