#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>

namespace eventstore::test {

// `count`, times EVENTSTORE_TEST_SCALE percent (100 where it is not set), at least 1: how often the
// tests that repeat things do so.
inline std::size_t scaled(std::size_t count) {
  static const std::size_t percent = [] {
    // Read once, before any thread of the test could change it.
    const char* text = std::getenv("EVENTSTORE_TEST_SCALE");  // NOLINT(concurrency-mt-unsafe)
    const long value = text == nullptr ? 100 : std::strtol(text, nullptr, 10);
    return static_cast<std::size_t>(std::max(value, 1L));
  }();
  return std::max<std::size_t>(count * percent / 100, 1);
}

}  // namespace eventstore::test
