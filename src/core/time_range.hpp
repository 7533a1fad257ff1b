#pragma once

#include <chrono>

#include "eventstore/time.hpp"

namespace eventstore {

// What RFC 3339 can write: the years 0000 to 9999.
inline constexpr Timestamp kTimestampMin = std::chrono::sys_days(
    std::chrono::year_month_day{std::chrono::year(0), std::chrono::January, std::chrono::day(1)});
inline constexpr Timestamp kTimestampMax =
    std::chrono::sys_days(std::chrono::year_month_day{std::chrono::year(10000),
                                                      std::chrono::January, std::chrono::day(1)}) -
    std::chrono::microseconds(1);

}  // namespace eventstore
