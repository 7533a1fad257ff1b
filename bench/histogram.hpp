#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace eventstore::bench {

// How often something took how long, in bounded memory: times fall into buckets that are never
// wider than a 128th of what they hold, so that a percentile is less than 1 % too high. The least
// and the greatest time are exact. (The idea is Gil Tene's HdrHistogram.)
//
// Threads: one at a time. Each thread fills its own, and add() puts them together.
class Histogram {
 public:
  void record(std::chrono::nanoseconds time);
  void add(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }

  // A time that `fraction` of those recorded do not exceed (nearest rank); 0 where there is none.
  std::chrono::nanoseconds percentile(double fraction) const;
  double percentile_us(double fraction) const {
    return std::chrono::duration<double, std::micro>(percentile(fraction)).count();
  }
  double max_us() const { return std::chrono::duration<double, std::micro>(max()).count(); }

 private:
  // Below 2^kExactBits nanoseconds each value has a bucket; above, each power of two has
  // 2^(kExactBits - 1) of them.
  static constexpr std::size_t kExactBits = 8;
  static constexpr std::size_t kHalf = std::size_t{1} << (kExactBits - 1);
  static constexpr std::size_t kBuckets = (64 - kExactBits + 2) * kHalf;

  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t greatest_of(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace eventstore::bench
