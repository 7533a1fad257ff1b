#pragma once

#include "eventstore/error.hpp"

namespace eventstore::log {

// Whether a call failed before it did anything, for want of room, descriptors or memory: the same
// call may succeed later, and nothing is in doubt meanwhile.
inline bool is_clean(const Error& error) {
  return error.code == ErrorCode::NoSpace || error.code == ErrorCode::OutOfResources;
}

}  // namespace eventstore::log
