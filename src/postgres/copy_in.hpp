#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "eventstore/time.hpp"
#include "eventstore/uuid.hpp"
#include "postgres/connection.hpp"
#include "postgres/wire.hpp"

namespace eventstore::postgres {

// One COPY ... FROM STDIN (FORMAT binary), within the transaction that is open: rows of fields that
// are sent as they come, so that the server stores the first while the last are still made. The
// types are those of the table's columns, nothing is converted.
//
// Format: "Binary Format" of PostgreSQL's documentation of COPY.
//
// Ownership: borrows the connection, which does nothing else until end().
// Threads:   one at a time.
class CopyIn {
 public:
  static Answer<CopyIn> begin(Connection& connection, const std::string& sql, Deadline deadline);

  // Begins a row of so many fields, each of which follows.
  void row(std::int16_t fields) { put(fields); }
  void int8(std::uint64_t value) { field(value); }
  void int2(std::int16_t value) { field(value); }
  void boolean(bool value) { field(static_cast<std::int8_t>(value ? 1 : 0)); }
  void text(std::string_view value);  // also bytea
  void uuid(const Uuid& value);
  void timestamptz(Timestamp value);
  void null();

  // Sends what there is of whole rows, if that is enough to be worth it.
  Answer<void> send_when_full();
  // Sends the rest; the answer is the server's to all of it.
  Answer<void> end();

 private:
  CopyIn(Connection& connection, Deadline deadline)
      : connection_(&connection), deadline_(deadline) {}

  template <std::integral T>
  void put(T value) {
    std::array<char, sizeof(T)> bytes{};
    store_be(bytes.data(), value);
    bytes_.append(bytes.data(), bytes.size());
  }
  template <std::integral T>
  void field(T value) {
    put(static_cast<std::int32_t>(sizeof(T)));
    put(value);
  }

  Connection* connection_;
  Deadline deadline_;
  std::string bytes_;
};

}  // namespace eventstore::postgres
