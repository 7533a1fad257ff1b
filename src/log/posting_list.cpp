#include "log/posting_list.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/check.hpp"
#include "log/posting_bitmap.hpp"

namespace eventstore::log {
namespace {

// A directory cell has 5 entries: first posting, offset of the chunk's bytes, their CRC. One entry
// more than there are chunks tells where the last one ends.
constexpr std::size_t kEntryBytes = 12;
constexpr std::size_t kEntriesPerCell = 5;
constexpr std::size_t kChunkBytesMax = (kChunkPostings - 1) * 5;

constexpr std::uint64_t kPostingMax = std::numeric_limits<Posting>::max();

std::uint64_t directory_cells(std::uint64_t chunks) {
  return cells_for(chunks + 1, kEntriesPerCell);
}

std::byte* entry_at(std::byte* list, std::uint64_t index) {
  return list + index / kEntriesPerCell * kCellBytes + index % kEntriesPerCell * kEntryBytes;
}

std::byte* put_deltas(std::byte* to, std::span<const Posting> postings) {
  for (std::size_t i = 1; i < postings.size(); ++i) {
    CHECK(postings[i] > postings[i - 1]);
    to = put_varint(to, postings[i] - postings[i - 1]);
  }
  return to;
}

// As decode_deltas(), where each difference takes one byte: those of most lists do.
bool decode_small_deltas(std::span<const std::byte> bytes, std::uint64_t first,
                         std::span<Posting> out) {
  std::uint64_t value = first;
  std::uint8_t all_bits = 0;
  std::uint8_t least = 1;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto delta = std::to_integer<std::uint8_t>(bytes[i]);
    all_bits |= delta;
    least = std::min(least, delta);
    value += delta;
    out[i + 1] = static_cast<Posting>(value);
  }
  return least != 0 && all_bits < 0x80 && value <= kPostingMax;
}

// Fills `out` with `first` and what follows it. False where the bytes are not so many differences.
bool decode_deltas(std::span<const std::byte> bytes, std::uint64_t first, std::span<Posting> out) {
  if (first > kPostingMax) return false;
  std::uint64_t value = first;
  out.front() = static_cast<Posting>(value);
  if (bytes.size() + 1 == out.size()) return decode_small_deltas(bytes, first, out);
  VarintReader reader(bytes);
  for (auto& posting : out.subspan(1)) {
    const std::uint64_t delta = reader.next();
    if (delta == 0 || delta > kPostingMax - value) return false;
    value += delta;
    posting = static_cast<Posting>(value);
  }
  return reader.at_end() && !reader.failed();
}

}  // namespace

std::span<const std::byte> encode_inline_list(std::span<const Posting> postings,
                                              InlineListBytes& buffer) {
  if (postings.size() > kInlineListBytesMax) return {};
  std::array<std::byte, kInlineListBytesMax * 5> bytes{};
  const std::byte* const end = put_deltas(put_varint(bytes.data(), postings.front()), postings);
  const auto size = static_cast<std::size_t>(end - bytes.data());
  if (size > kInlineListBytesMax) return {};
  std::copy_n(bytes.data(), size, buffer.data());
  return std::span(buffer).first(size);
}

std::optional<std::span<const Posting>> decode_inline_list(std::span<const std::byte> bytes,
                                                           std::uint64_t count,
                                                           InlinePostings& buffer) {
  if (count == 0 || count > buffer.size()) return std::nullopt;
  VarintReader reader(bytes);
  const std::uint64_t first = reader.next();
  const auto out = std::span(buffer).first(static_cast<std::size_t>(count));
  if (reader.failed() || !decode_deltas(bytes.subspan(reader.offset()), first, out)) {
    return std::nullopt;
  }
  return out;
}

ListAppender::ListAppender(std::vector<std::byte>& lists, std::uint64_t count,
                           std::uint64_t run_postings, std::uint32_t seed)
    : lists_(lists), count_(count), seed_(seed), is_bitmap_(is_dense(count, run_postings)) {
  lists_.resize((lists_.size() + kListAlignment - 1) / kListAlignment * kListAlignment);
  start_ = lists_.size();
  if (is_bitmap_) {
    lists_.resize(start_ + bitmap_bytes(run_postings));
    return;
  }
  directory_bytes_ = directory_cells(cells_for(count_, kChunkPostings)) * kCellBytes;
  lists_.resize(start_ + directory_bytes_);
}

void ListAppender::add(std::span<const Posting> postings) {
  if (is_bitmap_) {
    add_to_bitmap(list(), postings);
  } else {
    add_to_chunks(postings);
  }
}

void ListAppender::add_to_chunks(std::span<const Posting> postings) {
  while (!postings.empty()) {
    const auto some = postings.first(std::min(postings.size(), kChunkPostings - in_chunk_));
    std::ranges::copy(some, chunk_.begin() + static_cast<std::ptrdiff_t>(in_chunk_));
    in_chunk_ += some.size();
    postings = postings.subspan(some.size());
    if (in_chunk_ == kChunkPostings) end_chunk();
  }
}

void ListAppender::end_chunk() {
  const auto chunk = std::span(chunk_).first(std::exchange(in_chunk_, 0));
  std::array<std::byte, kChunkBytesMax> buffer{};
  const std::span bytes(buffer.data(), put_deltas(buffer.data(), chunk));
  std::byte* const entry = entry_at(lists_.data() + start_, chunks_++);
  store_le(entry, chunk.front());
  store_le(entry + 4, list_bytes());
  store_le(entry + 8, seeded_crc(bytes, seed_));
  lists_.insert(lists_.end(), bytes.begin(), bytes.end());
}

std::size_t ListAppender::finish() {
  if (is_bitmap_) {
    seal_cells(list(), seed_);
    return start_;
  }
  if (in_chunk_ != 0) end_chunk();
  CHECK(chunks_ == cells_for(count_, kChunkPostings));
  store_le(entry_at(lists_.data() + start_, chunks_) + 4, list_bytes());
  seal_cells(std::span(lists_).subspan(start_, directory_bytes_), seed_);
  return start_;
}

std::uint32_t ListAppender::list_bytes() const {
  CHECK(lists_.size() - start_ <= std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(lists_.size() - start_);
}

std::uint64_t append_list(std::vector<std::byte>& lists, std::span<const Posting> postings,
                          std::uint64_t run_postings, std::uint32_t seed) {
  ListAppender list(lists, postings.size(), run_postings, seed);
  list.add(postings);
  return list.finish();
}

std::size_t copy_postings(std::span<const Posting> ascending, Posting from, Direction direction,
                          std::span<Posting> out) {
  if (direction == Direction::Forwards) {
    const auto first = std::ranges::lower_bound(ascending, from);
    const auto count = std::min(out.size(), static_cast<std::size_t>(ascending.end() - first));
    std::copy_n(first, count, out.begin());
    return count;
  }
  const auto end = std::ranges::upper_bound(ascending, from);
  const auto count = std::min(out.size(), static_cast<std::size_t>(end - ascending.begin()));
  std::reverse_copy(end - static_cast<std::ptrdiff_t>(count), end, out.begin());
  return count;
}

PostingList::PostingList(PostingSection bytes, std::uint32_t seed, std::uint64_t count)
    : bytes_(bytes), seed_(seed), count_(count) {
  directory_ = CellArray({.bytes = bytes.bytes.first(static_cast<std::size_t>(directory_bytes())),
                          .file_offset = bytes.file_offset},
                         seed);
}

Checked<PostingList> PostingList::open(const PostingSection& lists, std::uint32_t seed,
                                       std::uint64_t offset, std::uint64_t count) {
  if (offset > lists.bytes.size()) return lists.damage(0, "list beyond the end of its section");
  const PostingSection bytes{.bytes = lists.bytes.subspan(static_cast<std::size_t>(offset)),
                             .file_offset = lists.file_offset + offset};
  const std::uint64_t cells = directory_cells(cells_for(count, kChunkPostings));
  if (count == 0 || count > kPostingMax || cells > bytes.bytes.size() / kCellBytes) {
    return bytes.damage(0, "list runs past the end of its section");
  }
  return PostingList(bytes, seed, count);
}

std::uint64_t PostingList::directory_bytes() const {
  return directory_cells(chunk_count()) * kCellBytes;
}

Checked<PostingList::Chunk> PostingList::chunk(std::uint64_t index) const {
  const std::byte* const cell = directory_.contents(index / kEntriesPerCell);
  if (cell == nullptr) return directory_.damage(index / kEntriesPerCell);
  const std::byte* const entry = cell + index % kEntriesPerCell * kEntryBytes;
  const std::byte* next = entry + kEntryBytes;
  if (index % kEntriesPerCell + 1 == kEntriesPerCell) {
    next = directory_.contents(index / kEntriesPerCell + 1);
    if (next == nullptr) return directory_.damage(index / kEntriesPerCell + 1);
  }
  return Chunk{.first = load_le<Posting>(entry),
               .begin = load_le<std::uint32_t>(entry + 4),
               .end = load_le<std::uint32_t>(next + 4),
               .crc = load_le<std::uint32_t>(entry + 8)};
}

Checked<std::span<const Posting>> PostingList::decode(std::uint64_t index,
                                                      ChunkPostings& buffer) const {
  const auto place = chunk(index);
  if (!place) return std::unexpected(place.error());
  if (place->begin > place->end || place->end > bytes_.bytes.size() ||
      place->end - place->begin > kChunkBytesMax) {
    return bytes_.damage(index / kEntriesPerCell * kCellBytes, "chunk out of bounds");
  }
  const auto bytes = bytes_.bytes.subspan(place->begin, place->end - place->begin);
  if (seeded_crc(bytes, seed_) != place->crc) {
    return bytes_.damage(place->begin, "chunk checksum mismatch");
  }
  const auto count = std::min<std::uint64_t>(kChunkPostings, count_ - index * kChunkPostings);
  const auto out = std::span(buffer).first(static_cast<std::size_t>(count));
  if (!decode_deltas(bytes, place->first, out)) {
    return bytes_.damage(place->begin, "chunk is not a list of postings");
  }
  return out;
}

Checked<std::uint64_t> PostingList::chunk_with(Posting from) const {
  std::uint64_t low = 0;
  std::uint64_t high = chunk_count();
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto place = chunk(middle);
    if (!place) return std::unexpected(place.error());
    (place->first <= from ? low : high) = middle;
  }
  return low;
}

Checked<std::size_t> PostingList::fetch(Posting from, Direction direction,
                                        std::span<Posting> out) const {
  const bool forwards = direction == Direction::Forwards;
  const auto start = chunk_with(from);
  if (!start) return std::unexpected(start.error());

  ChunkPostings buffer;
  std::size_t filled = 0;
  const std::uint64_t end = chunk_count();
  // Backwards, the index wraps around after chunk 0.
  for (std::uint64_t index = *start; index < end && filled < out.size();
       index += forwards ? 1 : ~std::uint64_t{0}) {
    const auto postings = decode(index, buffer);
    if (!postings) return std::unexpected(postings.error());
    const bool continues = filled == 0 || (forwards ? postings->front() > out[filled - 1]
                                                    : postings->back() < out[filled - 1]);
    if (!continues) return bytes_.damage(0, "chunks out of order");
    filled += copy_postings(*postings, from, direction, out.subspan(filled));
  }
  return filled;
}

Checked<std::uint64_t> PostingList::verify() const {
  std::uint64_t end = directory_bytes();
  std::optional<Posting> last;
  for (std::uint64_t index = 0; index < chunk_count(); ++index) {
    ChunkPostings buffer;
    const auto place = chunk(index);
    if (!place) return std::unexpected(place.error());
    const auto postings = decode(index, buffer);
    if (!postings) return std::unexpected(postings.error());
    if (place->begin != end) return bytes_.damage(end, "bytes between chunks");
    if (last && postings->front() <= *last) return bytes_.damage(end, "chunks out of order");
    end = place->end;
    last = postings->back();
  }
  return end;
}

}  // namespace eventstore::log
