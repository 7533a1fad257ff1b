#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

namespace eventstore::projection {

// How long to wait before the attempt after `attempts` failed ones: `least` doubled with each, at
// most `most`, of that a random half to all, so that what failed together does not come again
// together.
std::chrono::milliseconds pause_after(std::uint32_t attempts, std::chrono::milliseconds least,
                                      std::chrono::milliseconds most);

// Waits. False: it was asked to stop before.
bool wait_out(std::chrono::milliseconds time, const std::stop_token& stop);

}  // namespace eventstore::projection
