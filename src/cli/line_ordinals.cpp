#include "cli/line_ordinals.hpp"

#include <cstring>
#include <utility>

namespace eventstore::cli {

std::uint64_t LineOrdinals::next(const Uuid& line) {
  if (used_ >= entries_.size() / 4 * 3) grow();
  std::uint64_t key = 0;  // the half of the id that its version number is not in
  std::memcpy(&key, line.bytes.data() + 8, sizeof(key));
  auto& entry = find(key);
  if (entry.count == 0) {
    entry.key = key;
    ++used_;
  }
  return ++entry.count;
}

// The key's entry, or the free one where it belongs. The low bits of an id are as good as a hash's.
LineOrdinals::Entry& LineOrdinals::find(std::uint64_t key) {
  const auto mask = entries_.size() - 1;
  auto at = (key >> 16) & mask;
  while (entries_[at].count != 0 && entries_[at].key != key) at = (at + 1) & mask;
  return entries_[at];
}

void LineOrdinals::grow() {
  const auto before = std::exchange(entries_, std::vector<Entry>(entries_.size() * 2));
  for (const auto& entry : before) {
    if (entry.count != 0) find(entry.key) = entry;
  }
}

}  // namespace eventstore::cli
