#include "log/posting_sections.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

namespace eventstore::log {
namespace {

constexpr std::string_view kMagic = "ESPOSTNG";
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kCrcAt = 12;
constexpr std::size_t kRunIdAt = 16;
constexpr std::size_t kFirstPositionAt = 32;
constexpr std::size_t kPostingsAt = 40;
constexpr std::size_t kEventsAt = 48;
constexpr std::size_t kKeysAt = 56;
constexpr std::size_t kStreamsAt = 64;
constexpr std::size_t kFileBytesAt = 72;
constexpr std::size_t kIdsAt = 80;
constexpr std::size_t kBoundsAt = 88;
constexpr std::size_t kPlacesAt = 96;
constexpr std::size_t kPlaceBytes = 16;

// A filter may be as small as its writer likes.
constexpr std::uint64_t kHashesPerCellMax = std::numeric_limits<std::uint64_t>::max();

constexpr std::uint64_t kCountMax = std::numeric_limits<std::uint32_t>::max();

// Of all of the header but the checksum itself.
std::uint32_t header_crc(std::span<const std::byte> header, std::uint32_t seed) {
  return seeded_crc(header.subspan(kRunIdAt), seed, crc32c(header.first(kCrcAt)));
}

std::unexpected<PostingDamage> damage(std::uint64_t offset, const char* what) {
  return std::unexpected(PostingDamage{.offset = offset, .what = what});
}

bool counts_agree(const PostingHeader& header) {
  return header.postings <= kCountMax && header.keys <= kCountMax && header.ids <= kCountMax &&
         header.events <= header.postings && header.streams <= header.keys &&
         header.bounds <= header.keys - header.streams;
}

// Whether the sections follow each other to the end of the file.
bool places_agree(const PostingHeader& header) {
  std::uint64_t end = kPostingHeaderBytes;
  for (const auto& place : header.places) {
    if (place.offset != align_section(end) || place.offset > header.file_bytes ||
        place.bytes > header.file_bytes - place.offset) {
      return false;
    }
    end = place.offset + place.bytes;
  }
  return end == header.file_bytes;
}

// Whether a section of cells, whose number is for the writer to choose, has room for `entries`.
bool has_room(const PostingHeader::Place& place, std::uint64_t entries, std::uint64_t per_cell) {
  if (entries == 0) return place.bytes == 0;
  return place.bytes % kCellBytes == 0 && place.bytes / kCellBytes > (entries - 1) / per_cell;
}

bool sizes_agree(const PostingHeader& header) {
  const auto is_array = [&](SectionName name, std::uint64_t numbers) {
    return header.place(name).bytes == cells_for(numbers, kNumbersPerCell) * kCellBytes;
  };
  const std::uint64_t hashes = header.keys + header.ids;
  return is_array(SectionName::Offsets, header.postings) &&
         is_array(SectionName::Directory, KeyBlocks::blocks_for(header.keys) + 1) &&
         has_room(header.place(SectionName::Filter), hashes, kHashesPerCellMax) &&
         has_room(header.place(SectionName::KeyTable), header.keys, kSlotsPerCell) &&
         has_room(header.place(SectionName::IdTable), header.ids, kSlotsPerCell) &&
         header.place(SectionName::Keys).bytes <= kCountMax;
}

}  // namespace

std::uint64_t PostingHeader::place_cells() {
  std::uint64_t end = kPostingHeaderBytes;
  const auto put = [&](SectionName name, std::uint64_t cells) {
    place(name) = {.offset = end, .bytes = cells * kCellBytes};
    end += cells * kCellBytes;
  };
  const std::uint64_t numbers = KeyBlocks::blocks_for(keys) + 1;
  put(SectionName::Offsets, cells_for(postings, kNumbersPerCell));
  put(SectionName::Filter, filter_cells_for(keys + ids));
  put(SectionName::KeyTable, table_cells_for(keys));
  put(SectionName::IdTable, table_cells_for(ids));
  put(SectionName::Directory, cells_for(numbers, kNumbersPerCell));
  return end;
}

void encode_posting_header(const PostingHeader& header, const RunIdentity& identity,
                           std::span<std::byte, kPostingHeaderBytes> out) {
  std::ranges::fill(out, std::byte{0});
  std::ranges::copy(as_bytes(kMagic), out.begin());
  store_le(out.data() + kVersionAt, header.version);
  std::ranges::copy(identity.run_id.bytes, out.begin() + kRunIdAt);
  store_le(out.data() + kFirstPositionAt, identity.first_position.value);
  store_le(out.data() + kPostingsAt, header.postings);
  store_le(out.data() + kEventsAt, header.events);
  store_le(out.data() + kKeysAt, header.keys);
  store_le(out.data() + kStreamsAt, header.streams);
  store_le(out.data() + kFileBytesAt, header.file_bytes);
  store_le(out.data() + kIdsAt, header.ids);
  store_le(out.data() + kBoundsAt, header.bounds);
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    store_le(out.data() + kPlacesAt + i * kPlaceBytes, header.places[i].offset);
    store_le(out.data() + kPlacesAt + i * kPlaceBytes + 8, header.places[i].bytes);
  }
  store_le(out.data() + kCrcAt, header_crc(out, identity.seed));
}

bool is_of_other_segments(std::span<const std::byte> file, const RunIdentity& identity) {
  if (file.size() < kPostingHeaderBytes) return false;
  const auto bytes = file.first(kPostingHeaderBytes);
  const auto run_id = bytes.subspan(kRunIdAt, 16);
  return as_chars(bytes.first(kMagic.size())) == kMagic &&
         !std::ranges::equal(identity.run_id.bytes, run_id) &&
         header_crc(bytes, crc32c(run_id)) == load_le<std::uint32_t>(bytes.data() + kCrcAt);
}

Checked<PostingHeader> decode_posting_header(std::span<const std::byte> file,
                                             const RunIdentity& identity) {
  if (file.size() < kPostingHeaderBytes) return damage(0, "header cut short");
  const auto bytes = file.first(kPostingHeaderBytes);
  if (as_chars(bytes.first(kMagic.size())) != kMagic) return damage(0, "not a posting file");
  if (header_crc(bytes, identity.seed) != load_le<std::uint32_t>(bytes.data() + kCrcAt)) {
    return damage(0, "header checksum mismatch");
  }
  const auto number = [&](std::size_t at) { return load_le<std::uint64_t>(bytes.data() + at); };
  PostingHeader header{.version = load_le<std::uint32_t>(bytes.data() + kVersionAt),
                       .postings = number(kPostingsAt),
                       .events = number(kEventsAt),
                       .keys = number(kKeysAt),
                       .streams = number(kStreamsAt),
                       .file_bytes = number(kFileBytesAt),
                       .ids = number(kIdsAt),
                       .bounds = number(kBoundsAt),
                       .places = {}};
  if (header.version > kPostingFormatVersion) return header;
  if (header.version == 0) return damage(kVersionAt, "format version 0");
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    header.places[i] = {.offset = number(kPlacesAt + i * kPlaceBytes),
                        .bytes = number(kPlacesAt + i * kPlaceBytes + 8)};
  }
  if (!std::ranges::equal(identity.run_id.bytes, bytes.subspan(kRunIdAt, 16)) ||
      number(kFirstPositionAt) != identity.first_position.value) {
    return damage(kRunIdAt, "belongs to another run");
  }
  if (header.file_bytes != file.size()) return damage(kFileBytesAt, "not the size of the file");
  if (!counts_agree(header)) return damage(kPostingsAt, "counts do not agree");
  if (!places_agree(header)) return damage(kPlacesAt, "sections do not fill the file");
  if (!sizes_agree(header)) return damage(kPlacesAt, "section sizes do not fit the counts");
  return header;
}

PostingSections::PostingSections(std::span<const std::byte> file, const PostingHeader& of_file,
                                 const RunIdentity& of_run)
    : identity(of_run), header(of_file) {
  const auto section = [&](SectionName name) {
    const auto& place = header.place(name);
    return PostingSection{.bytes = file.subspan(static_cast<std::size_t>(place.offset),
                                                static_cast<std::size_t>(place.bytes)),
                          .file_offset = place.offset};
  };
  const auto cells = [&](SectionName name) { return CellArray(section(name), identity.seed); };
  offsets = NumberArray(cells(SectionName::Offsets));
  filter = HashFilter(cells(SectionName::Filter));
  key_table = SlotTable(cells(SectionName::KeyTable));
  id_table = SlotTable(cells(SectionName::IdTable));
  keys = KeyBlocks(section(SectionName::Keys), NumberArray(cells(SectionName::Directory)),
                   header.keys, identity.seed);
  lists = section(SectionName::Lists);
}

}  // namespace eventstore::log
