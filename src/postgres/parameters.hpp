#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/time.hpp"
#include "eventstore/uuid.hpp"

namespace eventstore::postgres {

// The parameters of one statement, in PostgreSQL's binary format. The statement casts each
// ($1::bigint and so on), so that the server reads it as what it is.
//
// Formats: the send and receive functions of the types in PostgreSQL's source,
// src/backend/utils/adt.
class Parameters {
 public:
  Parameters& int8(std::uint64_t value);
  Parameters& int4(std::int32_t value);
  Parameters& boolean(bool value);
  Parameters& float8(double value);
  Parameters& text(std::string_view value);  // also bytea
  Parameters& uuid(const Uuid& value);
  Parameters& timestamptz(Timestamp value);
  Parameters& null();

  // One-dimensional arrays. An absent element is NULL.
  Parameters& int8_array(std::span<const std::uint64_t> values);
  Parameters& int4_array(std::span<const std::int32_t> values);
  Parameters& boolean_array(const std::vector<bool>& values);
  Parameters& text_array(std::span<const std::string_view> values);
  Parameters& bytea_array(std::span<const std::string_view> values);
  Parameters& uuid_array(std::span<const Uuid> values);
  Parameters& timestamptz_array(std::span<const std::optional<Timestamp>> values);

  std::size_t count() const { return ends_.size(); }
  // Absent: NULL. Valid until the next parameter is added.
  std::optional<std::string_view> at(std::size_t index) const;

 private:
  template <std::integral T>
  void put(T value);
  void begin_array(std::uint32_t element_type, std::size_t size, bool has_nulls);
  void put_sized(std::string_view bytes);
  Parameters& end_value();

  std::string bytes_;
  std::vector<std::size_t> ends_;
  std::vector<bool> nulls_;
};

}  // namespace eventstore::postgres
