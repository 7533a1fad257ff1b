#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/check.hpp"
#include "core/file_system.hpp"

namespace eventstore {

// A number that all bits of `value` have a say in (the finisher of SplitMix64).
constexpr std::uint64_t mix_bits(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// The same numbers for the same seed, on every machine: for simulations and tests, never for
// secrets (SplitMix64). One thread at a time.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(mix_bits(seed)) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    return mix_bits(state_);
  }

  // One of 0 .. bound-1.
  std::uint64_t below(std::uint64_t bound) {
    CHECK(bound > 0);
    return next() % bound;  // the bias is of no matter here
  }

  // True `times` of `of` times.
  bool chance(std::uint64_t times, std::uint64_t of) { return below(of) < times; }

  void fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      std::array<std::byte, 8> word{};
      std::uint64_t value = next();
      for (std::byte& byte : word) {
        byte = static_cast<std::byte>(value & 0xff);
        value >>= 8;
      }
      const std::size_t count = out.size() < word.size() ? out.size() : word.size();
      std::memcpy(out.data(), word.data(), count);
      out = out.subspan(count);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace eventstore
