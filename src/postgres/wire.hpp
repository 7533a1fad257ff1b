#pragma once

#include <bit>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>

#include "eventstore/time.hpp"

// How PostgreSQL writes numbers and times in its binary format: big-endian, times in microseconds
// since 2000 (src/include/datatype/timestamp.h in its source).
namespace eventstore::postgres {

inline constexpr auto kPostgresEpoch = std::chrono::sys_days{std::chrono::January / 1 / 2000};

template <std::integral T>
T load_be(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  return value;
}

template <std::integral T>
void store_be(void* to, T value) {
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  std::memcpy(to, &value, sizeof(T));
}

inline std::int64_t to_wire(Timestamp time) {
  return (time - kPostgresEpoch).count();
}

inline Timestamp from_wire(std::int64_t microseconds) {
  return kPostgresEpoch + std::chrono::microseconds{microseconds};
}

}  // namespace eventstore::postgres
