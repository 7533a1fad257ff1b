#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "log/posting_format.hpp"

// The cell arrays of a posting file: numbers, the filter and the hash tables. Each reader borrows
// the file's bytes, is immutable, and checks every cell that it touches.
namespace eventstore::log {

inline constexpr std::size_t kCellBytes = 64;
inline constexpr std::size_t kCellContentBytes = 60;
inline constexpr std::size_t kBitsPerCell = kCellContentBytes * 8;
inline constexpr std::size_t kNumbersPerCell = 15;
inline constexpr std::size_t kSlotsPerCell = 10;

constexpr std::uint64_t cells_for(std::uint64_t count, std::uint64_t per_cell) {
  return (count + per_cell - 1) / per_cell;
}

// Cells of 64 bytes: 60 of contents and their checksum.
class CellArray {
 public:
  CellArray() = default;
  // The section's size is a multiple of 64.
  CellArray(PostingSection section, std::uint32_t seed)
      : section_(section), seed_(seed), count_(section.bytes.size() / kCellBytes) {}

  std::size_t count() const { return count_; }

  // The contents of a cell, or null where its checksum fails. `cell` is less than count().
  const std::byte* contents(std::size_t cell) const {
    const std::byte* const bytes = section_.bytes.data() + cell * kCellBytes;
    const std::uint32_t crc = seeded_crc({bytes, kCellContentBytes}, seed_);
    return crc == load_le<std::uint32_t>(bytes + kCellContentBytes) ? bytes : nullptr;
  }

  // Asks for the memory of a cell, which must be less than count().
  void prefetch(std::size_t cell) const {
    __builtin_prefetch(section_.bytes.data() + cell * kCellBytes);
  }

  std::unexpected<PostingDamage> damage(std::size_t cell,
                                        const char* what = "cell checksum mismatch") const {
    return section_.damage(cell * kCellBytes, what);
  }

 private:
  PostingSection section_;
  std::uint32_t seed_ = 0;
  std::size_t count_ = 0;
};

// Writes the checksums of all cells of a section whose contents are there.
void seal_cells(std::span<std::byte> section, std::uint32_t seed);

// Numbers of 4 bytes, 15 in a cell.
class NumberArray {
 public:
  NumberArray() = default;
  explicit NumberArray(CellArray cells) : cells_(cells) {}

  // `index` is less than 15 times the number of cells.
  Checked<std::uint32_t> at(std::uint64_t index) const {
    const std::byte* const cell = cells_.contents(index / kNumbersPerCell);
    if (cell == nullptr) return cells_.damage(index / kNumbersPerCell);
    return load_le<std::uint32_t>(cell + index % kNumbersPerCell * 4);
  }

  // Asks for the memory that at(index) reads.
  void prefetch(std::uint64_t index) const { cells_.prefetch(index / kNumbersPerCell); }

  // The numbers at `index` and `index + 1`.
  Checked<std::pair<std::uint32_t, std::uint32_t>> pair_at(std::uint64_t index) const;

  // Checks every cell, that what follows the first `count` numbers is zero, and calls
  // `visit(index, number)` for each of these.
  template <typename Visit>
  Checked<void> for_each(std::uint64_t count, Visit visit) const;

  const CellArray& cells() const { return cells_; }

 private:
  CellArray cells_;
};

void store_number(std::span<std::byte> section, std::uint64_t index, std::uint32_t number);

// A blocked Bloom filter of 480 bits a cell.
class HashFilter {
 public:
  HashFilter() = default;
  explicit HashFilter(CellArray cells) : cells_(cells) {}

  // False where nothing with this hash was ever added.
  Checked<bool> may_hold(std::uint64_t hash) const;

  // Asks for the memory that may_hold(hash) reads.
  void prefetch(std::uint64_t hash) const;

  const CellArray& cells() const { return cells_; }

 private:
  CellArray cells_;
};

// The cells that a filter of so many hashes gets: 10 bits a hash, so that about one in fifty
// hashes that were never added passes.
constexpr std::uint64_t filter_cells_for(std::uint64_t hashes) {
  return cells_for(hashes, 48);
}

void add_to_filter(std::span<std::byte> section, std::uint64_t hash);

// An open hash table from the fingerprint of a hash to a number, 10 slots a cell.
class SlotTable {
 public:
  SlotTable() = default;
  explicit SlotTable(CellArray cells) : cells_(cells) {}

  // Walks the numbers that are stored under a hash or one with the same fingerprint.
  class Probe {
   public:
    Probe(const SlotTable& table, std::uint64_t hash);

    // Absent at the end.
    Checked<std::optional<std::uint32_t>> next();

   private:
    const CellArray* cells_;
    std::uint16_t fingerprint_;
    std::size_t cell_;
    std::size_t cells_left_;  // a table without a free slot ends the search all the same
    std::size_t slot_ = kSlotsPerCell;
    const std::byte* contents_ = nullptr;
  };

  // Checks every cell, that slots fill from the front, and calls `visit(number)` for each that is
  // used; it returns null, or what is wrong with the number.
  template <typename Visit>
  Checked<void> for_each(Visit visit) const;

 private:
  CellArray cells_;
};

// The cells that a table of so many entries gets: four fifths full, and never without a free slot.
constexpr std::uint64_t table_cells_for(std::uint64_t entries) {
  return entries == 0 ? 0 : entries / 8 + 1;
}

void add_to_table(std::span<std::byte> section, std::uint64_t hash, std::uint32_t number);

// Puts an entry into the first of `cells` that has a free slot. False: none has.
bool add_to_cells(std::span<std::byte> cells, std::uint64_t hash, std::uint32_t number);

// The cell, of `count`, at which a filter or a table has what belongs to a hash: its high bits.
std::size_t cell_of(std::uint64_t hash, std::size_t count);

// Adds a hash to the cell of a filter that cell_of() names.
void add_to_filter_cell(std::byte* cell, std::uint64_t hash);

template <typename Visit>
Checked<void> NumberArray::for_each(std::uint64_t count, Visit visit) const {
  for (std::size_t cell = 0; cell < cells_.count(); ++cell) {
    const std::byte* const contents = cells_.contents(cell);
    if (contents == nullptr) return cells_.damage(cell);
    for (std::size_t i = 0; i < kNumbersPerCell; ++i) {
      const std::uint64_t index = cell * kNumbersPerCell + i;
      const auto number = load_le<std::uint32_t>(contents + i * 4);
      if (index < count) {
        visit(index, number);
      } else if (number != 0) {
        return cells_.damage(cell, "number beyond the last");
      }
    }
  }
  return {};
}

template <typename Visit>
Checked<void> SlotTable::for_each(Visit visit) const {
  for (std::size_t cell = 0; cell < cells_.count(); ++cell) {
    const std::byte* const contents = cells_.contents(cell);
    if (contents == nullptr) return cells_.damage(cell);
    bool free_seen = false;
    for (std::size_t slot = 0; slot < kSlotsPerCell; ++slot) {
      const auto fingerprint = load_le<std::uint16_t>(contents + slot * 6);
      const auto number = load_le<std::uint32_t>(contents + slot * 6 + 2);
      const bool is_free = fingerprint == 0;
      if ((free_seen && !is_free) || (is_free && number != 0)) {
        return cells_.damage(cell, "free slot before a used one");
      }
      free_seen = is_free;
      if (is_free) continue;
      if (const char* const wrong = visit(number)) return cells_.damage(cell, wrong);
    }
  }
  return {};
}

}  // namespace eventstore::log
