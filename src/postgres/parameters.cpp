#include "postgres/parameters.hpp"

#include <array>
#include <bit>

#include "core/codec.hpp"
#include "postgres/wire.hpp"

namespace eventstore::postgres {
namespace {

// Object ids of element types (src/include/catalog/pg_type.dat in PostgreSQL's source).
constexpr std::uint32_t kBool = 16;
constexpr std::uint32_t kBytea = 17;
constexpr std::uint32_t kInt8 = 20;
constexpr std::uint32_t kInt4 = 23;
constexpr std::uint32_t kText = 25;
constexpr std::uint32_t kTimestamptz = 1184;
constexpr std::uint32_t kUuid = 2950;

constexpr std::int32_t kNullLength = -1;

std::string_view bytes_of(const Uuid& id) {
  return as_chars(id.bytes);
}

}  // namespace

template <std::integral T>
void Parameters::put(T value) {
  std::array<char, sizeof(T)> bytes{};
  store_be(bytes.data(), value);
  bytes_.append(bytes.data(), bytes.size());
}

void Parameters::put_sized(std::string_view bytes) {
  put(static_cast<std::int32_t>(bytes.size()));
  bytes_.append(bytes);
}

Parameters& Parameters::end_value() {
  ends_.push_back(bytes_.size());
  nulls_.push_back(false);
  return *this;
}

std::optional<std::string_view> Parameters::at(std::size_t index) const {
  if (nulls_[index]) return std::nullopt;
  const auto begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(bytes_).substr(begin, ends_[index] - begin);
}

Parameters& Parameters::int8(std::uint64_t value) {
  put(value);
  return end_value();
}

Parameters& Parameters::int4(std::int32_t value) {
  put(value);
  return end_value();
}

Parameters& Parameters::boolean(bool value) {
  bytes_.push_back(value ? '\1' : '\0');
  return end_value();
}

Parameters& Parameters::float8(double value) {
  put(std::bit_cast<std::uint64_t>(value));
  return end_value();
}

Parameters& Parameters::text(std::string_view value) {
  bytes_.append(value);
  return end_value();
}

Parameters& Parameters::uuid(const Uuid& value) {
  bytes_.append(bytes_of(value));
  return end_value();
}

Parameters& Parameters::timestamptz(Timestamp value) {
  put(to_wire(value));
  return end_value();
}

Parameters& Parameters::null() {
  end_value();
  nulls_.back() = true;
  return *this;
}

// Dimensions, whether there are NULLs, the type; then size and lower bound of the one dimension.
// An empty array has no dimension.
void Parameters::begin_array(std::uint32_t element_type, std::size_t size, bool has_nulls) {
  put(std::int32_t{size == 0 ? 0 : 1});
  put(std::int32_t{has_nulls ? 1 : 0});
  put(element_type);
  if (size == 0) return;
  put(static_cast<std::int32_t>(size));
  put(std::int32_t{1});
}

Parameters& Parameters::int8_array(std::span<const std::uint64_t> values) {
  begin_array(kInt8, values.size(), false);
  for (const auto value : values) {
    put(std::int32_t{sizeof(value)});
    put(value);
  }
  return end_value();
}

Parameters& Parameters::int4_array(std::span<const std::int32_t> values) {
  begin_array(kInt4, values.size(), false);
  for (const auto value : values) {
    put(std::int32_t{sizeof(value)});
    put(value);
  }
  return end_value();
}

Parameters& Parameters::boolean_array(const std::vector<bool>& values) {
  begin_array(kBool, values.size(), false);
  for (const bool value : values)
    put_sized(value ? std::string_view("\1", 1) : std::string_view("\0", 1));
  return end_value();
}

Parameters& Parameters::text_array(std::span<const std::string_view> values) {
  begin_array(kText, values.size(), false);
  for (const auto value : values) put_sized(value);
  return end_value();
}

Parameters& Parameters::bytea_array(std::span<const std::string_view> values) {
  begin_array(kBytea, values.size(), false);
  for (const auto value : values) put_sized(value);
  return end_value();
}

Parameters& Parameters::uuid_array(std::span<const Uuid> values) {
  begin_array(kUuid, values.size(), false);
  for (const auto& value : values) put_sized(bytes_of(value));
  return end_value();
}

Parameters& Parameters::timestamptz_array(std::span<const std::optional<Timestamp>> values) {
  begin_array(kTimestamptz, values.size(), true);
  for (const auto& value : values) {
    if (!value) {
      put(kNullLength);
      continue;
    }
    put(std::int32_t{sizeof(std::int64_t)});
    put(to_wire(*value));
  }
  return end_value();
}

}  // namespace eventstore::postgres
