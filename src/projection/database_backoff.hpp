#pragma once

#include <chrono>

#include "core/backoff.hpp"
#include "core/posix_environment.hpp"

namespace eventstore::projection {

// Between attempts while a database fails.
inline Backoff database_backoff() {
  return {*posix_environment().random, std::chrono::milliseconds(20), std::chrono::seconds(5)};
}

}  // namespace eventstore::projection
