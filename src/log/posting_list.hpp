#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "log/posting_cells.hpp"
#include "log/posting_format.hpp"
#include "log/run_index.hpp"

// Posting lists as they are stored: short ones inline beside their key, long ones in the lists
// section: in chunks, or, where they name much of the run, as bitmaps (posting_bitmap.hpp).
namespace eventstore::log {

inline constexpr std::size_t kInlineListBytesMax = 64;
inline constexpr std::size_t kChunkPostings = 128;
inline constexpr std::size_t kListAlignment = 4;

using InlineListBytes = std::array<std::byte, kInlineListBytesMax>;
using InlinePostings = std::array<Posting, kInlineListBytesMax>;  // each takes a byte or more
using ChunkPostings = std::array<Posting, kChunkPostings>;

// Returns the inline form, in `buffer`; empty where the list is too long for it.
std::span<const std::byte> encode_inline_list(std::span<const Posting> postings,
                                              InlineListBytes& buffer);

// Reads `count` postings from all of `bytes`, into `buffer`. Absent where that is not what they
// are.
std::optional<std::span<const Posting>> decode_inline_list(std::span<const std::byte> bytes,
                                                           std::uint64_t count,
                                                           InlinePostings& buffer);

// Appends a list to the lists section, posting by posting: as a bitmap where it is dense, otherwise
// in chunks.
//
// Threads: one at a time. Borrows `lists`.
class ListAppender {
 public:
  // There will be `count` postings, at least one, of a run that has `run_postings`. `lists` begins
  // at a multiple of 4 of the section.
  ListAppender(std::vector<std::byte>& lists, std::uint64_t count, std::uint64_t run_postings,
               std::uint32_t seed);

  // In ascending order.
  void add(std::span<const Posting> postings);
  // Returns where in `lists` the list begins.
  std::size_t finish();

 private:
  void add_to_chunks(std::span<const Posting> postings);
  void end_chunk();
  std::uint32_t list_bytes() const;
  std::span<std::byte> list() { return std::span(lists_).subspan(start_); }

  std::vector<std::byte>& lists_;
  const std::uint64_t count_;
  const std::uint32_t seed_;
  const bool is_bitmap_;
  std::size_t start_ = 0;
  // Of the chunked form.
  std::size_t directory_bytes_ = 0;
  std::uint64_t chunks_ = 0;  // that are written
  std::size_t in_chunk_ = 0;
  ChunkPostings chunk_{};
};

// Appends a list to the lists section. Returns its offset there.
std::uint64_t append_list(std::vector<std::byte>& lists, std::span<const Posting> postings,
                          std::uint64_t run_postings, std::uint32_t seed);

// Copies what RunIndex::fetch() wants of a whole list. Returns how many.
std::size_t copy_postings(std::span<const Posting> ascending, Posting from, Direction direction,
                          std::span<Posting> out);

// Reads a list of the lists section that is stored in chunks. Borrows the section; immutable.
class PostingList {
 public:
  // Looks at no byte yet, but makes sure that the chunk directory fits.
  static Checked<PostingList> open(const PostingSection& lists, std::uint32_t seed,
                                   std::uint64_t offset, std::uint64_t count);

  // As RunIndex::fetch(). What it copies ascends (descends) strictly, whatever the bytes are.
  Checked<std::size_t> fetch(Posting from, Direction direction, std::span<Posting> out) const;

  std::uint64_t chunk_count() const { return cells_for(count_, kChunkPostings); }

  struct Chunk {
    Posting first;
    std::uint32_t begin;  // of its bytes, from the list's start
    std::uint32_t end;
    std::uint32_t crc;
  };
  // `index` is less than chunk_count().
  Checked<Chunk> chunk(std::uint64_t index) const;

  // The postings of a chunk, in `buffer`.
  Checked<std::span<const Posting>> decode(std::uint64_t index, ChunkPostings& buffer) const;

  // Checks all of the list. Returns its size in bytes.
  Checked<std::uint64_t> verify() const;

  // The size of the chunk directory, which comes first.
  std::uint64_t directory_bytes() const;

 private:
  PostingList(PostingSection bytes, std::uint32_t seed, std::uint64_t count);

  // The last chunk that starts at or before `from`, or the first.
  Checked<std::uint64_t> chunk_with(Posting from) const;

  PostingSection bytes_;  // from the list's start to the end of the section
  std::uint32_t seed_;
  std::uint64_t count_;
  CellArray directory_;
};

}  // namespace eventstore::log
