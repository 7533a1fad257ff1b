#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace eventstore::cli {

// Text of events as a terminal may see it: whatever could move the cursor, change colours or turn
// the reading direction is spelled out (\n, \x1b, \u009b, \u202e). Bytes that are no UTF-8 become
// \xNN. Printable text is kept.
std::string escape_for_terminal(std::string_view text);

// The same for JSON, which stays the same JSON value: \uNNNN in strings; between tokens a line
// feed, which indented JSON has, and a space in place of other controls.
std::string escape_json_for_terminal(std::string_view json);

// How many columns `text` fills, taking each code point for one.
std::size_t columns_of(std::string_view text);

// The first `columns` columns of `text`, the last of them an ellipsis if any are left out.
std::string cut_to_columns(std::string_view text, std::size_t columns);

}  // namespace eventstore::cli
