#include "postgres/rows.hpp"

#include <charconv>
#include <cstring>

#include "postgres/wire.hpp"

namespace eventstore::postgres {

std::uint64_t Rows::int8(int row, int column) const {
  return is_null(row, column) ? 0 : load_be<std::uint64_t>(text(row, column).data());
}

std::int32_t Rows::int4(int row, int column) const {
  return is_null(row, column) ? 0 : load_be<std::int32_t>(text(row, column).data());
}

std::int16_t Rows::int2(int row, int column) const {
  return static_cast<std::int16_t>(
      is_null(row, column) ? 0 : load_be<std::int16_t>(text(row, column).data()));
}

bool Rows::boolean(int row, int column) const {
  return !is_null(row, column) && text(row, column).front() != '\0';
}

Timestamp Rows::timestamptz(int row, int column) const {
  return from_wire(load_be<std::int64_t>(text(row, column).data()));
}

Uuid Rows::uuid(int row, int column) const {
  Uuid id;
  std::memcpy(id.bytes.data(), text(row, column).data(), id.bytes.size());
  return id;
}

// Dimensions, whether there are NULLs, the type, size and lower bound; then each with its length.
std::vector<std::uint64_t> Rows::int8_array(int row, int column) const {
  constexpr std::size_t kHeaderBytes = 20;
  constexpr std::size_t kElementBytes = sizeof(std::int32_t) + sizeof(std::uint64_t);
  auto bytes = text(row, column);
  std::vector<std::uint64_t> values;
  if (bytes.size() < kHeaderBytes) return values;
  for (bytes.remove_prefix(kHeaderBytes); bytes.size() >= kElementBytes;
       bytes.remove_prefix(kElementBytes)) {
    values.push_back(load_be<std::uint64_t>(bytes.data() + sizeof(std::int32_t)));
  }
  return values;
}

std::uint64_t Rows::affected() const {
  const std::string_view digits = PQcmdTuples(result_.get());
  std::uint64_t count = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), count);
  return count;
}

bool Rows::is_selection() const {
  return std::string_view(PQcmdStatus(result_.get())).starts_with("SELECT");
}

std::vector<std::string_view> texts_of(const Rows& rows, int column) {
  std::vector<std::string_view> texts;
  texts.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) texts.push_back(rows.text(row, column));
  return texts;
}

}  // namespace eventstore::postgres
