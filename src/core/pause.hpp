#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "core/file_system.hpp"

namespace eventstore {

// How long to wait before the next attempt after `attempts` failed ones, at least 1: `shortest`,
// doubled with each, at most `longest`; of that a random half to all, so that what failed together
// does not come again together.
std::chrono::milliseconds pause_after(RandomSource& random, std::uint32_t attempts,
                                      std::chrono::milliseconds shortest,
                                      std::chrono::milliseconds longest);

// Waits. False: it was asked to stop before.
bool wait_out(std::chrono::milliseconds time, const std::stop_token& stop);

}  // namespace eventstore
