#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "eventstore/append.hpp"

namespace eventstore::bench {

// The baseline: a plain table of events, and what a program of one's own would do with it.
//
// Ownership: drops its table.
class PlainTable {
 public:
  // OfAStore: as many as the engine has over the events of a month, with a column for ids.
  enum class Indexes : std::uint8_t { PositionAndVersion, OfAStore };

  PlainTable(std::string url, std::string name, Indexes indexes = Indexes::PositionAndVersion);
  ~PlainTable();
  PlainTable(const PlainTable&) = delete;
  PlainTable& operator=(const PlainTable&) = delete;

  // For pgbench: one row.
  std::string insert_script() const;

  // So many connections, each a transaction of `group` / connections single prepared inserts after
  // another, pipelined. Returns the rows a second.
  double insert_in_groups(std::size_t connections, std::size_t group, double seconds);

  // So many connections, each one INSERT of so many rows of a stream after another. Returns the
  // rows a second.
  double insert_batches(std::size_t connections, std::size_t rows, double seconds);

  // Stores the events of `requests` by one COPY of so many rows after another, by one connection.
  // Each stream begins with the first of its events, which follow each other. Returns the rows a
  // second.
  double copy(std::span<const AppendRequest> requests, std::size_t rows_at_once);

 private:
  std::string insert() const;
  std::uint64_t count() const;
  void expect_more(std::uint64_t before, std::uint64_t rows) const;

  const std::string url_;
  const std::string name_;
  const bool has_ids_;
  std::size_t next_stream_ = 0;
};

}  // namespace eventstore::bench
