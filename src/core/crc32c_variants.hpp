#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// The ways to compute crc32c() of codec.hpp, which picks one. Apart only so that tests and
// benchmarks can compare them.
namespace eventstore::internal {

using Crc32cFunction = std::uint32_t (*)(std::span<const std::byte> bytes, std::uint32_t crc);

// Tables, eight bytes a step: any CPU.
std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t crc);

// By instruction; null where this CPU has none: SSE 4.2 and PCLMULQDQ on x86-64 (the latter to join
// streams), the CRC extension on ARMv8.
Crc32cFunction crc32c_hardware();

}  // namespace eventstore::internal
