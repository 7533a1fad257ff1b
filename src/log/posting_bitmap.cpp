#include "log/posting_bitmap.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace eventstore::log {
namespace {

constexpr std::size_t kBitsPerWord = 64;
constexpr std::size_t kWordsPerCell = 8;

// The bits of a cell: seven words and a half.
using Words = std::array<std::uint64_t, kWordsPerCell>;

Words words_of(const std::byte* contents) {
  Words words{};
  for (std::size_t i = 0; i + 1 < kWordsPerCell; ++i) {
    words[i] = load_le<std::uint64_t>(contents + i * sizeof(std::uint64_t));
  }
  words.back() = load_le<std::uint32_t>(contents + kCellContentBytes - sizeof(std::uint32_t));
  return words;
}

bool has_bit(const std::byte* contents, std::size_t bit) {
  return (contents[bit / 8] >> (bit % 8) & std::byte{1}) != std::byte{0};
}

}  // namespace

void add_to_bitmap(std::span<std::byte> bitmap, std::span<const Posting> postings) {
  for (const auto posting : postings) {
    const std::size_t bit = posting % kBitsPerCell;
    bitmap[posting / kBitsPerCell * kCellBytes + bit / 8] |= std::byte{1} << (bit % 8);
  }
}

Checked<PostingBitmap> PostingBitmap::open(const PostingSection& lists, std::uint32_t seed,
                                           std::uint64_t offset, std::uint64_t run_postings) {
  const auto size = lists.bytes.size();
  const auto bytes = bitmap_bytes(run_postings);
  if (offset > size || bytes > size - offset) {
    return lists.damage(0, "bitmap runs past the end of its section");
  }
  const PostingSection section{.bytes = lists.bytes.subspan(static_cast<std::size_t>(offset),
                                                            static_cast<std::size_t>(bytes)),
                               .file_offset = lists.file_offset + offset};
  return PostingBitmap(CellArray(section, seed), run_postings);
}

Checked<std::size_t> PostingBitmap::fetch(Posting from, Direction direction,
                                          std::span<Posting> out) const {
  if (run_postings_ == 0 || out.empty()) return 0;
  if (direction == Direction::Forwards) {
    return from < run_postings_ ? fetch_forwards(from, out) : Checked<std::size_t>(0);
  }
  const auto last = static_cast<Posting>(run_postings_ - 1);
  return fetch_backwards(std::min(from, last), out);
}

Checked<std::size_t> PostingBitmap::fetch_forwards(Posting from, std::span<Posting> out) const {
  std::size_t filled = 0;
  std::size_t bit = from % kBitsPerCell;  // the first that counts, of the cell
  for (std::size_t cell = from / kBitsPerCell; cell < cells_.count(); ++cell) {
    const std::byte* const contents = cells_.contents(cell);
    if (contents == nullptr) return cells_.damage(cell);
    auto words = words_of(contents);
    words[bit / kBitsPerWord] &= ~std::uint64_t{0} << (bit % kBitsPerWord);
    for (auto word = bit / kBitsPerWord; word < kWordsPerCell; ++word) {
      const auto base = cell * kBitsPerCell + word * kBitsPerWord;
      for (auto bits = words[word]; bits != 0; bits &= bits - 1) {
        out[filled++] =
            static_cast<Posting>(base + static_cast<std::size_t>(std::countr_zero(bits)));
        if (filled == out.size()) return filled;
      }
    }
    bit = 0;
  }
  return filled;
}

Checked<std::size_t> PostingBitmap::fetch_backwards(Posting from, std::span<Posting> out) const {
  std::size_t filled = 0;
  std::size_t bit = from % kBitsPerCell;  // the last that counts, of the cell
  for (std::size_t cell = from / kBitsPerCell + 1; cell-- > 0;) {
    const std::byte* const contents = cells_.contents(cell);
    if (contents == nullptr) return cells_.damage(cell);
    auto words = words_of(contents);
    words[bit / kBitsPerWord] &= ~std::uint64_t{0} >> (kBitsPerWord - 1 - bit % kBitsPerWord);
    for (auto word = bit / kBitsPerWord + 1; word-- > 0;) {
      const auto base = cell * kBitsPerCell + word * kBitsPerWord;
      for (auto bits = words[word]; bits != 0;) {
        const auto highest = static_cast<std::size_t>(std::bit_width(bits) - 1);
        out[filled++] = static_cast<Posting>(base + highest);
        if (filled == out.size()) return filled;
        bits ^= std::uint64_t{1} << highest;
      }
    }
    bit = kBitsPerCell - 1;
  }
  return filled;
}

Checked<std::size_t> PostingBitmap::retain(std::span<Posting> candidates) const {
  std::size_t kept = 0;
  std::size_t cell = 0;  // whose contents are at hand
  const std::byte* contents = nullptr;
  for (const auto posting : candidates) {
    if (posting >= run_postings_) continue;
    if (contents == nullptr || posting / kBitsPerCell != cell) {
      cell = posting / kBitsPerCell;
      contents = cells_.contents(cell);
      if (contents == nullptr) return cells_.damage(cell);
    }
    candidates[kept] = posting;
    kept += has_bit(contents, posting % kBitsPerCell) ? 1U : 0U;
  }
  return kept;
}

Checked<std::uint64_t> PostingBitmap::verify(std::uint64_t count) const {
  std::uint64_t found = 0;
  for (std::size_t cell = 0; cell < cells_.count(); ++cell) {
    const std::byte* const contents = cells_.contents(cell);
    if (contents == nullptr) return cells_.damage(cell);
    for (const auto word : words_of(contents)) {
      found += static_cast<std::uint64_t>(std::popcount(word));
    }
    const auto first = std::uint64_t{cell} * kBitsPerCell;
    for (auto bit = std::min<std::uint64_t>(run_postings_ - first, kBitsPerCell);
         bit < kBitsPerCell; ++bit) {
      if (has_bit(contents, bit)) return cells_.damage(cell, "bitmap beyond the last posting");
    }
  }
  if (found != count) return cells_.damage(0, "not as many bits as postings");
  return bitmap_bytes(run_postings_);
}

}  // namespace eventstore::log
