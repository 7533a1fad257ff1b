#pragma once

#include <map>
#include <string>
#include <utility>

#include "postgres/sql_builder.hpp"

namespace eventstore::postgres {

// The fixed statements of one schema, each filled in once.
//
// Threads: one at a time.
class Statements {
 public:
  explicit Statements(std::string schema) : schema_(std::move(schema)) {}

  // `text` is a constant of the program. The statement is there for as long as this.
  const std::string& of(const char* text, const std::string& suffix = {}) {
    const auto [at, is_new] = texts_.try_emplace({text, suffix});
    if (is_new) at->second = fill_in(text, schema_, suffix);
    return at->second;
  }

 private:
  const std::string schema_;
  std::map<std::pair<const char*, std::string>, std::string> texts_;
};

}  // namespace eventstore::postgres
