#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>

#include "cli/errors.hpp"
#include "eventstore/append.hpp"
#include "eventstore/event.hpp"

namespace eventstore::cli {

// The value of an option: text as it is, or the contents of @FILE. A file of Json is taken without
// the white space around its value: a text file ends with a line break that is not meant.
Expected<std::string> load_value(const std::string& value, PayloadFormat format);

// The same, and standard input for "-".
Expected<std::string> load_value_or_input(const std::string& value, PayloadFormat format);

// The value of --expect: any, none, exists or a version. Absent where `text` is anything else.
std::optional<ExpectedVersion> parse_expected(const std::string& text);

// A time as in 90s, 30m, 12h, 7d or 4w, at least `least`; else the reason why `text` is none.
std::expected<std::chrono::seconds, std::string> parse_duration(const std::string& text,
                                                                std::chrono::seconds least);

// The same time, in its largest unit that it is a whole number of: 52w.
std::string format_duration(std::chrono::seconds time);

}  // namespace eventstore::cli
