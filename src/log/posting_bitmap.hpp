#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "eventstore/read.hpp"
#include "log/posting_cells.hpp"
#include "log/posting_format.hpp"
#include "log/run_index.hpp"

// Posting lists that name much of their run, as they are stored: a bit for each posting there is.
namespace eventstore::log {

// A list with at least one posting in so many of its run is stored as a bitmap. It then takes
// hardly more room than chunks do, and one posting is looked up without those before it.
constexpr bool is_dense(std::uint64_t list_postings, std::uint64_t run_postings) {
  constexpr std::uint64_t kRunPostingsPerPosting = 16;
  return list_postings >= cells_for(run_postings, kRunPostingsPerPosting);
}

constexpr std::uint64_t bitmap_bytes(std::uint64_t run_postings) {
  return cells_for(run_postings, kBitsPerCell) * kCellBytes;
}

// Sets the bits of `postings`. `bitmap` has bitmap_bytes() of the run; seal_cells() comes after.
void add_to_bitmap(std::span<std::byte> bitmap, std::span<const Posting> postings);

// Reads a bitmap of the lists section.
//
// Ownership: borrows the section.
// Threads:   immutable.
class PostingBitmap {
 public:
  // Looks at no byte yet, but makes sure that all are there.
  static Checked<PostingBitmap> open(const PostingSection& lists, std::uint32_t seed,
                                     std::uint64_t offset, std::uint64_t run_postings);

  // As RunIndex::fetch() and retain().
  Checked<std::size_t> fetch(Posting from, Direction direction, std::span<Posting> out) const;
  Checked<std::size_t> retain(std::span<Posting> candidates) const;

  // Checks every cell, and that `count` bits are set, none behind the run. Returns the size in
  // bytes.
  Checked<std::uint64_t> verify(std::uint64_t count) const;

 private:
  PostingBitmap(CellArray cells, std::uint64_t run_postings)
      : cells_(cells), run_postings_(run_postings) {}

  Checked<std::size_t> fetch_forwards(Posting from, std::span<Posting> out) const;
  Checked<std::size_t> fetch_backwards(Posting from, std::span<Posting> out) const;

  CellArray cells_;
  std::uint64_t run_postings_;
};

}  // namespace eventstore::log
