#pragma once

#include <chrono>

#include "eventstore/time.hpp"

namespace eventstore::projection {

// How long a transaction of the state database may take.
inline Deadline row_deadline() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(30);
}

}  // namespace eventstore::projection
