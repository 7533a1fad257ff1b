#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "eventstore/result.hpp"

namespace eventstore {

// How this library says no to what a caller gave it: short ways to build the two errors of a
// refused argument, and to show the argument in a sentence.

std::unexpected<Error> invalid_argument(std::string message);

// `subject` has `actual` of something, more than the `allowed`: "data has 9 bytes, more than the 8
// allowed". `limit` is the name for LimitDetails, `unit` what is counted.
struct Excess {
  std::string_view limit;
  std::uint64_t actual;
  std::uint64_t allowed;
  std::string_view unit = "bytes";
};
std::unexpected<Error> limit_exceeded(std::string_view subject, const Excess& excess);

// `error`, its message led by where it arose: "events[3]: ...".
std::unexpected<Error> within(std::string_view place, Error error);

// `text` in double quotes for a message: control characters, quotes and bytes that are not UTF-8
// escaped, and cut off after some fifty characters.
std::string in_quotes(std::string_view text);

}  // namespace eventstore
