#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "eventstore/uuid.hpp"

namespace eventstore::cli {

// Counts equal lines. A line is known by an id derived from its bytes, of which half is kept: two
// lines that share it would only be numbered together. 16 bytes for each distinct line, in a table
// that is between three and six eighths full. One thread at a time.
class LineOrdinals {
 public:
  LineOrdinals() : entries_(kEntriesMin) {}

  // How many times `line` has been given, this time included.
  std::uint64_t next(const Uuid& line);

 private:
  static constexpr std::size_t kEntriesMin = 1024;  // a power of two, as all sizes

  struct Entry {
    std::uint64_t key = 0;
    std::uint64_t count = 0;  // 0: free
  };

  Entry& find(std::uint64_t key);
  void grow();

  std::vector<Entry> entries_;
  std::size_t used_ = 0;
};

}  // namespace eventstore::cli
