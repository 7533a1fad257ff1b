#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/check.hpp"
#include "eventstore/read.hpp"
#include "eventstore/result.hpp"
#include "log/key.hpp"

namespace eventstore::log {

// The index of one run: in its posting file or, until there is one, in memory.
//
// Threads: safe from any thread.
// Errors:  Corruption where a checksum of the index fails; it can then be rebuilt from the log.
class RunIndex {
 public:
  RunIndex() = default;
  virtual ~RunIndex() = default;
  RunIndex(const RunIndex&) = delete;
  RunIndex& operator=(const RunIndex&) = delete;

  virtual Result<std::optional<KeyEntry>> find(const Key& key) const = 0;

  // Asks for the memory that looking for a key or an id with this hash begins with.
  virtual void prefetch(std::uint64_t /*hash*/) const {}

  // Copies postings of `entry` to `out`: forwards the smallest that are >= from, ascending;
  // backwards the greatest that are <= from, descending. Returns how many; fewer than asked only at
  // the end.
  virtual Result<std::size_t> fetch(const KeyEntry& entry, Posting from, Direction direction,
                                    std::span<Posting> out) const = 0;

  // Whether retain() can be asked: a look at one posting of the list costs next to nothing.
  virtual bool is_dense(const KeyEntry& /*entry*/) const { return false; }
  // Takes out of `candidates`, in any order, what is not in the list of `entry`, which is dense.
  // Returns how many are left, in front.
  virtual Result<std::size_t> retain(const KeyEntry& /*entry*/,
                                     std::span<Posting> /*candidates*/) const {
    CHECK(false);  // no list is dense
    return 0;
  }

  // The postings that may hold the id with this hash: mostly none or one. The event tells.
  virtual Result<std::vector<Posting>> find_id(std::uint64_t id_hash) const = 0;

  // Where each of the events is in the file of its segment, in bytes; 0 where there is none.
  // `offsets` is as long as `postings`. Many at once are faster than one by one.
  virtual Result<void> offsets_of(std::span<const Posting> postings,
                                  std::span<std::uint64_t> offsets) const = 0;
  Result<std::uint64_t> offset_of(Posting posting) const {
    std::uint64_t offset = 0;
    if (auto found = offsets_of({&posting, 1}, {&offset, 1}); !found) {
      return std::unexpected(std::move(found).error());
    }
    return offset;
  }

  // Calls `visit` for the keys of `kind` greater than `after` that start with `prefix`, in byte
  // order, until it returns false.
  using KeyVisitor = std::function<bool(std::string_view text, const KeyEntry& entry)>;
  virtual Result<void> list_keys(KeyKind kind, std::string_view prefix, std::string_view after,
                                 const KeyVisitor& visit) const = 0;

  virtual std::uint64_t events() const = 0;

  // Whether it has any key of kind Bounds: mostly not. Costs next to nothing.
  virtual bool has_bounds() const = 0;
};

}  // namespace eventstore::log
