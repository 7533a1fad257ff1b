#pragma once

#include <expected>

#include "eventstore/error.hpp"

namespace eventstore {

// What every function that can fail returns. Functions of this library throw nothing of their own.
template <typename T>
using Result = std::expected<T, Error>;

}  // namespace eventstore
