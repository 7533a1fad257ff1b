#include "eventstore/state.hpp"

namespace eventstore {

std::int64_t SqlRows::integer(std::size_t row, std::size_t column) const {
  const auto* value = std::get_if<std::int64_t>(&at(row, column));
  return value == nullptr ? 0 : *value;
}

double SqlRows::real(std::size_t row, std::size_t column) const {
  const auto& value = at(row, column);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  const auto* number = std::get_if<double>(&value);
  return number == nullptr ? 0 : *number;
}

std::string_view SqlRows::text(std::size_t row, std::size_t column) const {
  const auto& value = at(row, column);
  if (const auto* blob = std::get_if<SqlBlob>(&value)) return blob->bytes;
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string_view() : *text;
}

}  // namespace eventstore
