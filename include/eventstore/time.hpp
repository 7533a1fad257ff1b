#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore {

// A moment in UTC, to the microsecond.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

// A moment on the monotonic clock, for deadlines.
using Deadline = std::chrono::steady_clock::time_point;

// RFC 3339 in UTC with six fractional digits: "2010-10-02T07:20:39.266000Z".
std::string format_timestamp(Timestamp time);

// Reads RFC 3339 with any offset and up to nine fractional digits (what is finer than a microsecond
// is cut off). Years 0000 to 9999. Absent where `text` is anything else.
std::optional<Timestamp> parse_timestamp(std::string_view text);

}  // namespace eventstore
