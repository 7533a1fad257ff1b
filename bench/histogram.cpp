#include "histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace eventstore::bench {

std::size_t Histogram::bucket_of(std::uint64_t value) {
  const auto bits = static_cast<std::size_t>(std::bit_width(value));
  if (bits <= kExactBits) return value;
  const auto shift = bits - kExactBits;
  return shift * kHalf + (value >> shift);
}

std::uint64_t Histogram::greatest_of(std::size_t bucket) {
  if (bucket < 2 * kHalf) return bucket;
  const auto shift = bucket / kHalf - 1;
  const auto leading = bucket - shift * kHalf;
  return ((leading + 1) << shift) - 1;
}

void Histogram::record(std::chrono::nanoseconds time) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
  ++counts_[bucket_of(value)];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::chrono::nanoseconds Histogram::percentile(double fraction) const {
  if (count_ == 0) return {};
  const auto rank = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  auto left = std::clamp<std::uint64_t>(rank, 1, count_);
  std::size_t bucket = 0;
  while (counts_[bucket] < left) left -= counts_[bucket++];
  return std::chrono::nanoseconds(std::min(greatest_of(bucket), max_));
}

}  // namespace eventstore::bench
