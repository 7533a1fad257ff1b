#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/position.hpp"
#include "eventstore/read.hpp"
#include "eventstore/result.hpp"
#include "eventstore/uuid.hpp"

namespace eventstore::log {

// An event's position less the first position of its segment.
using Posting = std::uint32_t;

// What a posting list is of. The values are format.
enum class KeyKind : std::uint8_t { Stream = 1, Category = 2, Type = 3, Tag = 4, Bounds = 5 };

// The hash of a key and of an event id, seeded by the store's secret. Both are format.
std::uint64_t hash_key(KeyKind kind, std::string_view text, std::uint64_t secret);
std::uint64_t hash_id(std::string_view stream, const Uuid& id, std::uint64_t secret);

// A key with its hash, borrowed.
struct Key {
  KeyKind kind;
  std::string_view text;
  std::uint64_t hash;
};

// What an index knows of a key. `list` is for the index that returned it.
struct KeyEntry {
  std::uint32_t postings = 0;  // how many
  // Of streams only: the version of the first event that is no husk, or of the next to come where
  // all are; and of the last event.
  StreamVersion first_version;
  StreamVersion last_version;
  std::uint64_t list = 0;
  std::uint32_t list_bytes = 0;
};

// The index of one segment: of a sealed one in its posting file, of the active one in memory.
//
// Threads: safe from any thread.
// Errors:  Corruption where a checksum of the index fails; it can then be rebuilt from its segment.
class SegmentIndex {
 public:
  SegmentIndex() = default;
  virtual ~SegmentIndex() = default;
  SegmentIndex(const SegmentIndex&) = delete;
  SegmentIndex& operator=(const SegmentIndex&) = delete;

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
  virtual Result<std::size_t> retain(const KeyEntry& entry, std::span<Posting> candidates) const;

  // The postings that may hold the id with this hash: mostly none or one. The event tells.
  virtual Result<std::vector<Posting>> find_id(std::uint64_t id_hash) const = 0;

  // Where each of the events is in the segment file, in bytes; 0 where there is none. `offsets` is
  // as long as `postings`. Many at once are faster than one by one.
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
