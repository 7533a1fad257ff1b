#include "postgres/sql_values.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "postgres/wire.hpp"

namespace eventstore::postgres {
namespace {

// Object ids of types (src/include/catalog/pg_type.dat in PostgreSQL's source).
constexpr Oid kBool = 16;
constexpr Oid kBytea = 17;
constexpr Oid kName = 19;
constexpr Oid kInt8 = 20;
constexpr Oid kInt2 = 21;
constexpr Oid kInt4 = 23;
constexpr Oid kText = 25;
constexpr Oid kJson = 114;
constexpr Oid kFloat4 = 700;
constexpr Oid kFloat8 = 701;
constexpr Oid kUnknown = 705;
constexpr Oid kBpchar = 1042;
constexpr Oid kVarchar = 1043;
constexpr Oid kNumeric = 1700;

// Sums and averages of whole numbers are of this type: groups of four decimal digits, the first
// 10,000^weight (numeric_send() in src/backend/utils/adt/numeric.c of PostgreSQL's source).
SqlValue numeric(std::string_view bytes) {
  constexpr std::uint16_t kNegative = 0x4000;
  constexpr std::uint16_t kSpecial = 0xC000;  // not a number, or infinite
  const auto part = [&](std::size_t index) {
    return load_be<std::uint16_t>(bytes.data() + index * sizeof(std::uint16_t));
  };
  const std::size_t groups = part(0);
  const auto weight = static_cast<std::int16_t>(part(1));
  const auto sign = part(2);
  const auto decimals = part(3);
  if (sign >= kSpecial) return std::nan("");
  constexpr std::size_t kHeaderParts = 4;
  constexpr int kWholeGroupsMax = 4;  // so that a whole number fits into 64 bits
  if (decimals == 0 && weight < kWholeGroupsMax) {
    std::int64_t whole = 0;
    for (int group = 0; group <= weight; ++group) {
      const auto index = static_cast<std::size_t>(group);
      whole = whole * 10'000 + (index < groups ? part(kHeaderParts + index) : 0);
    }
    return sign == kNegative ? -whole : whole;
  }
  double number = 0;
  for (std::size_t group = 0; group < groups; ++group) {
    number += part(kHeaderParts + group) * std::pow(10'000.0, weight - static_cast<int>(group));
  }
  return sign == kNegative ? -number : number;
}

Result<SqlValue> value_at(const Rows& rows, int row, int column) {
  if (rows.is_null(row, column)) return SqlValue{};
  const auto bytes = rows.text(row, column);
  switch (rows.type(column)) {
    case kBool:
      return std::int64_t{rows.boolean(row, column)};
    case kInt2:
      return std::int64_t{rows.int2(row, column)};
    case kInt4:
      return std::int64_t{rows.int4(row, column)};
    case kInt8:
      return static_cast<std::int64_t>(rows.int8(row, column));
    case kFloat4:
      return static_cast<double>(std::bit_cast<float>(load_be<std::uint32_t>(bytes.data())));
    case kFloat8:
      return std::bit_cast<double>(load_be<std::uint64_t>(bytes.data()));
    case kNumeric:
      return numeric(bytes);
    case kBytea:
      return SqlBlob{std::string(bytes)};
    case kName:
    case kText:
    case kJson:
    case kUnknown:
    case kBpchar:
    case kVarchar:
      return std::string(bytes);
    default:
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument,
                .message = "column " + std::to_string(column + 1) + " is of type " +
                           std::to_string(rows.type(column)) +
                           " of pg_type, which has no counterpart: CAST it to TEXT or BIGINT"});
  }
}

}  // namespace

Call call_of(std::string_view sql, std::span<const SqlParameter> parameters) {
  Call call{.sql = sql};
  struct Adder {
    Call& call;
    void add(Oid type) const { call.types.push_back(type); }
    void operator()(std::monostate) const {
      call.parameters.null();
      add(0);
    }
    void operator()(std::int64_t value) const {
      call.parameters.int8(static_cast<std::uint64_t>(value));
      add(kInt8);
    }
    void operator()(double value) const {
      call.parameters.float8(value);
      add(kFloat8);
    }
    void operator()(std::string_view value) const {
      call.parameters.text(value);
      add(kText);
    }
    void operator()(SqlBlobView value) const {
      call.parameters.text(value.bytes);
      add(kBytea);
    }
  };
  for (const auto& parameter : parameters) std::visit(Adder{call}, parameter);
  return call;
}

Result<SqlRows> values_of(const Rows& rows) {
  std::vector<SqlValue> values;
  values.reserve(static_cast<std::size_t>(rows.size()) * static_cast<std::size_t>(rows.columns()));
  for (int row = 0; row < rows.size(); ++row) {
    for (int column = 0; column < rows.columns(); ++column) {
      auto value = value_at(rows, row, column);
      if (!value) return std::unexpected(std::move(value).error());
      values.push_back(*std::move(value));
    }
  }
  return SqlRows(static_cast<std::size_t>(rows.columns()), std::move(values),
                 rows.is_selection() ? 0 : rows.affected());
}

}  // namespace eventstore::postgres
