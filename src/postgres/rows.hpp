#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "eventstore/time.hpp"
#include "eventstore/uuid.hpp"

namespace eventstore::postgres {

// The rows that a statement gave, in binary format. The caller knows the types of the columns.
//
// Ownership: owns them; string_views point into them.
class Rows {
 public:
  Rows() = default;
  explicit Rows(PGresult* result) : result_(result) {}

  int size() const { return PQntuples(result_.get()); }
  bool empty() const { return size() == 0; }
  int columns() const { return PQnfields(result_.get()); }
  Oid type(int column) const { return PQftype(result_.get(), column); }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }

  std::string_view text(int row, int column) const {  // also bytea; empty where NULL
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
  }
  std::uint64_t int8(int row, int column) const;  // 0 where NULL
  std::int32_t int4(int row, int column) const;   // 0 where NULL
  std::int16_t int2(int row, int column) const;   // 0 where NULL
  bool boolean(int row, int column) const;        // false where NULL
  Timestamp timestamptz(int row, int column) const;
  Uuid uuid(int row, int column) const;
  std::vector<std::uint64_t> int8_array(int row, int column) const;  // of one dimension

  // How many rows a statement has changed; one that changes none: how many it gave.
  std::uint64_t affected() const;
  bool is_selection() const;  // it changes none

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

// A column, borrowed from the rows.
std::vector<std::string_view> texts_of(const Rows& rows, int column);

}  // namespace eventstore::postgres
