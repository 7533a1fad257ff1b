#include "projection/statement_tables.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "projection/generation_tables.hpp"

namespace eventstore::projection {
namespace {

Error invalid(std::string message) {
  return {.code = ErrorCode::InvalidArgument, .message = std::move(message)};
}

// Without regard to the locale.
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_word(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

struct SqlWord {
  // In lower case where it is not quoted. Empty: it is anything else, such as a bracket.
  std::string text = {};
  bool is_quoted = false;
};

// Reads SQL as far as the names of tables are concerned.
class SqlWords {
 public:
  explicit SqlWords(std::string_view sql) : rest_(sql) {}

  // White space and comments are passed over. Absent at the end.
  std::optional<SqlWord> next() {
    skip_space();
    if (rest_.empty()) return std::nullopt;
    const char first = rest_.front();
    if (first == '\'') {
      take_past("'", 1);
      return SqlWord{};
    }
    if (first == '"') {
      auto name = take_past("\"", 1).substr(1);
      if (name.ends_with('"')) name.remove_suffix(1);
      return SqlWord{.text = std::string(name), .is_quoted = true};
    }
    const auto* const end = std::ranges::find_if_not(rest_, is_word);
    SqlWord word{.text = std::string(rest_.begin(), end)};
    std::ranges::transform(word.text, word.text.begin(), lower);
    rest_.remove_prefix(std::max<std::size_t>(word.text.size(), 1));
    return word;
  }

 private:
  void skip_space() {
    for (;;) {
      rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
      if (rest_.starts_with("--")) {
        take_past("\n", 2);
      } else if (rest_.starts_with("/*")) {
        take_past("*/", 2);
      } else {
        return;
      }
    }
  }

  // Up to the end of `close`, which is looked for behind the first `open_size` characters.
  std::string_view take_past(std::string_view close, std::size_t open_size) {
    const auto found = rest_.find(close, open_size);
    const auto taken =
        rest_.substr(0, found == std::string_view::npos ? found : found + close.size());
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
};

// One of the tables whose name stands where a statement names a table, and not in braces: that
// would be what its view shows, whatever generation the statement is for.
std::optional<std::string> table_without_braces(std::string_view sql,
                                                std::span<const std::string> tables) {
  constexpr std::array<std::string_view, 6> kBefore = {"from", "join",   "into",
                                                       "only", "update", "using"};
  SqlWords words(sql);
  bool names_a_table = false;
  while (auto word = words.next()) {
    if (names_a_table && std::ranges::find(tables, word->text) != tables.end()) return word->text;
    names_a_table = !word->is_quoted && std::ranges::find(kBefore, word->text) != kBefore.end();
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> with_tables(std::string_view sql, std::int64_t generation,
                                std::span<const std::string> tables) {
  if (const auto bare = table_without_braces(sql, tables)) {
    return std::unexpected(invalid("a projection's own table is named in braces, {" + *bare +
                                   "}, so that a rebuild has its own; in: " + std::string(sql)));
  }
  std::string text;
  for (;;) {
    const auto open = sql.find('{');
    text.append(sql.substr(0, open));
    if (open == std::string_view::npos) return text;
    const auto close = sql.find('}', open);
    if (close == std::string_view::npos) {
      return std::unexpected(invalid("a { without a } in: " + std::string(sql)));
    }
    const auto name = sql.substr(open + 1, close - open - 1);
    if (std::ranges::find(tables, name) == tables.end()) {
      return std::unexpected(invalid("the projection has no table " + std::string(name)));
    }
    text.append(own_table(generation, name));
    sql.remove_prefix(close + 1);
  }
}

}  // namespace eventstore::projection
