#pragma once

#include <cstddef>
#include <string>

namespace eventstore::bench {

// The baseline: a plain table of events with a unique index over stream and version.
//
// Ownership: drops its table.
class PlainTable {
 public:
  PlainTable(std::string url, std::string name);
  ~PlainTable();
  PlainTable(const PlainTable&) = delete;
  PlainTable& operator=(const PlainTable&) = delete;

  // For pgbench: one row.
  std::string insert_script() const;

  // So many connections, each a transaction of `group` / connections single prepared inserts after
  // another, pipelined. Returns the rows a second.
  double insert_in_groups(std::size_t connections, std::size_t group, double seconds);

 private:
  std::string insert() const;

  const std::string url_;
  const std::string name_;
  std::size_t next_stream_ = 0;
};

}  // namespace eventstore::bench
