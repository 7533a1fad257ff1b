#include "log/posting_cells.hpp"

#include <algorithm>
#include <array>

namespace eventstore::log {
namespace {

constexpr std::uint64_t kFilterMultiplier = 0x9E3779B97F4A7C15;
constexpr unsigned kFilterProbes = 6;
constexpr std::size_t kSlotBytes = 6;

// The bits of a hash within its cell of the filter.
std::array<std::uint16_t, kFilterProbes> filter_bits(std::uint64_t hash) {
  std::array<std::uint16_t, kFilterProbes> bits{};
  std::uint64_t rest = hash * kFilterMultiplier;
  for (auto& bit : bits) {
    bit = static_cast<std::uint16_t>((rest & 1023) * kBitsPerCell >> 10);
    rest >>= 10;
  }
  return bits;
}

// The low 16 bits of a hash, but never 0: that is a free slot.
std::uint16_t fingerprint_of(std::uint64_t hash) {
  return std::max<std::uint16_t>(static_cast<std::uint16_t>(hash), 1);
}

}  // namespace

std::size_t cell_of(std::uint64_t hash, std::size_t count) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::size_t>((Wide{hash} * count) >> 64);
}

void seal_cells(std::span<std::byte> section, std::uint32_t seed) {
  for (; !section.empty(); section = section.subspan(kCellBytes)) {
    store_le(section.data() + kCellContentBytes,
             seeded_crc(section.first(kCellContentBytes), seed));
  }
}

Checked<std::pair<std::uint32_t, std::uint32_t>> NumberArray::pair_at(std::uint64_t index) const {
  const std::byte* const cell = cells_.contents(index / kNumbersPerCell);
  if (cell == nullptr) return cells_.damage(index / kNumbersPerCell);
  const std::size_t place = index % kNumbersPerCell;
  const auto number = load_le<std::uint32_t>(cell + place * 4);
  if (place + 1 < kNumbersPerCell) {
    return std::pair(number, load_le<std::uint32_t>(cell + place * 4 + 4));
  }
  const auto next = at(index + 1);
  if (!next) return std::unexpected(next.error());
  return std::pair(number, *next);
}

void store_number(std::span<std::byte> section, std::uint64_t index, std::uint32_t number) {
  store_le(section.data() + index / kNumbersPerCell * kCellBytes + index % kNumbersPerCell * 4,
           number);
}

Checked<bool> HashFilter::may_hold(std::uint64_t hash) const {
  if (cells_.count() == 0) return false;
  const std::size_t cell = cell_of(hash, cells_.count());
  const std::byte* const contents = cells_.contents(cell);
  if (contents == nullptr) return cells_.damage(cell);
  for (const auto bit : filter_bits(hash)) {
    if ((contents[bit / 8] >> (bit % 8) & std::byte{1}) == std::byte{0}) return false;
  }
  return true;
}

void HashFilter::prefetch(std::uint64_t hash) const {
  if (cells_.count() != 0) cells_.prefetch(cell_of(hash, cells_.count()));
}

void add_to_filter(std::span<std::byte> section, std::uint64_t hash) {
  add_to_filter_cell(section.data() + cell_of(hash, section.size() / kCellBytes) * kCellBytes,
                     hash);
}

void add_to_filter_cell(std::byte* cell, std::uint64_t hash) {
  for (const auto bit : filter_bits(hash)) cell[bit / 8] |= std::byte{1} << (bit % 8);
}

SlotTable::Probe::Probe(const SlotTable& table, std::uint64_t hash)
    : cells_(&table.cells_),
      fingerprint_(fingerprint_of(hash)),
      cell_(cell_of(hash, table.cells_.count())),
      cells_left_(table.cells_.count()) {}

Checked<std::optional<std::uint32_t>> SlotTable::Probe::next() {
  while (true) {
    if (slot_ == kSlotsPerCell) {
      if (cells_left_ == 0) return std::nullopt;
      if (contents_ != nullptr) cell_ = cell_ + 1 == cells_->count() ? 0 : cell_ + 1;
      contents_ = cells_->contents(cell_);
      if (contents_ == nullptr) return cells_->damage(cell_);
      --cells_left_;
      slot_ = 0;
    }
    const std::byte* const slot = contents_ + slot_ * kSlotBytes;
    const auto fingerprint = load_le<std::uint16_t>(slot);
    if (fingerprint == 0) return std::nullopt;
    ++slot_;
    if (fingerprint == fingerprint_) return load_le<std::uint32_t>(slot + 2);
  }
}

void add_to_table(std::span<std::byte> section, std::uint64_t hash, std::uint32_t number) {
  const auto first = cell_of(hash, section.size() / kCellBytes) * kCellBytes;
  if (!add_to_cells(section.subspan(first), hash, number)) add_to_cells(section, hash, number);
}

bool add_to_cells(std::span<std::byte> cells, std::uint64_t hash, std::uint32_t number) {
  for (; !cells.empty(); cells = cells.subspan(kCellBytes)) {
    for (std::size_t slot = 0; slot < kSlotsPerCell; ++slot) {
      std::byte* const bytes = cells.data() + slot * kSlotBytes;
      if (load_le<std::uint16_t>(bytes) != 0) continue;
      store_le(bytes, fingerprint_of(hash));
      store_le(bytes + 2, number);
      return true;
    }
  }
  return false;
}

}  // namespace eventstore::log
