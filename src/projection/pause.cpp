#include "projection/pause.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "core/posix_environment.hpp"

namespace eventstore::projection {

std::chrono::milliseconds pause_after(std::uint32_t attempts, std::chrono::milliseconds least,
                                      std::chrono::milliseconds most) {
  const auto doublings = std::min(attempts == 0 ? 0U : attempts - 1, 30U);
  const auto whole = std::min(most.count(), least.count() << doublings);
  std::array<std::byte, 8> bytes{};
  posix_environment().random->fill(bytes);
  const auto half = whole / 2;
  const auto random = std::bit_cast<std::uint64_t>(bytes) % (static_cast<std::uint64_t>(half) + 1);
  return std::chrono::milliseconds(whole - half + static_cast<std::int64_t>(random));
}

bool wait_out(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace eventstore::projection
