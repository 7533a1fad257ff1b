#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "log/posting_cells.hpp"
#include "log/posting_file.hpp"
#include "log/posting_format.hpp"
#include "log/posting_keys.hpp"

// The header of a posting file and the sections that it names.
namespace eventstore::log {

inline constexpr std::uint32_t kPostingFormatVersion = 1;
inline constexpr std::size_t kPostingHeaderBytes = 256;

constexpr std::uint64_t align_section(std::uint64_t offset) {
  return (offset + 63) & ~std::uint64_t{63};
}

// In the order in which they stand in the header and in the file.
enum class SectionName : std::uint8_t {
  Offsets,
  Filter,
  KeyTable,
  IdTable,
  Directory,
  Keys,
  Lists
};
inline constexpr std::size_t kSectionCount = 7;

struct PostingHeader {
  std::uint32_t version = kPostingFormatVersion;
  std::uint64_t postings = 0;
  std::uint64_t events = 0;
  std::uint64_t keys = 0;
  std::uint64_t streams = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t ids = 0;
  std::uint64_t bounds = 0;  // keys of kind Bounds

  struct Place {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };
  std::array<Place, kSectionCount> places;

  Place& place(SectionName name) { return places[static_cast<std::size_t>(name)]; }
  const Place& place(SectionName name) const { return places[static_cast<std::size_t>(name)]; }

  // Gives the sections of cells, whose size the counts tell, their places. Returns where the last
  // of them ends: behind it come the keys and the lists.
  std::uint64_t place_cells();
};

void encode_posting_header(const PostingHeader& header, const RunIdentity& identity,
                           std::span<std::byte, kPostingHeaderBytes> out);

// Whether the header is whole, and that of a file over other segments: those here were rewritten
// since it was made, or it was made for a rewriting that never came about.
bool is_of_other_segments(std::span<const std::byte> file, const RunIdentity& identity);

// Checks the header and, where its version is ours, that it belongs to the run and that the
// sections are where and as large as its counts say.
Checked<PostingHeader> decode_posting_header(std::span<const std::byte> file,
                                             const RunIdentity& identity);

// Readers of the sections. Borrows the file's bytes; immutable.
struct PostingSections {
  PostingSections(std::span<const std::byte> file, const PostingHeader& header,
                  const RunIdentity& identity);

  RunIdentity identity;
  PostingHeader header;
  NumberArray offsets;
  HashFilter filter;
  SlotTable key_table;
  SlotTable id_table;
  KeyBlocks keys;
  PostingSection lists;
};

// Checks every byte of the file, and that what the sections say agrees.
Checked<void> verify_posting_sections(const PostingSections& sections,
                                      std::span<const std::byte> file);

}  // namespace eventstore::log
