#include <utility>

#include "log/posting_bitmap.hpp"
#include "log/posting_list.hpp"
#include "log/posting_sections.hpp"

namespace eventstore::log {
namespace {

Checked<void> verify_zeros(std::span<const std::byte> file, std::uint64_t begin,
                           std::uint64_t end) {
  for (; begin < end; ++begin) {
    if (file[static_cast<std::size_t>(begin)] != std::byte{0}) {
      return std::unexpected(PostingDamage{.offset = begin, .what = "padding is not zero"});
    }
  }
  return {};
}

Checked<void> verify_gaps(const PostingSections& sections, std::span<const std::byte> file) {
  std::uint64_t end = kPostingHeaderBytes;
  for (const auto& place : sections.header.places) {
    if (auto zeros = verify_zeros(file, end, place.offset); !zeros) return zeros;
    end = place.offset + place.bytes;
  }
  return {};
}

Checked<void> verify_offsets(const PostingSections& sections) {
  std::uint64_t events = 0;
  auto read = sections.offsets.for_each(
      sections.header.postings,
      [&](std::uint64_t, std::uint32_t offset) { events += offset != 0 ? 1 : 0; });
  if (!read) return read;
  if (events != sections.header.events) {
    return sections.offsets.cells().damage(0, "not as many offsets as events");
  }
  return {};
}

Checked<void> verify_cells(const CellArray& cells) {
  for (std::size_t cell = 0; cell < cells.count(); ++cell) {
    if (cells.contents(cell) == nullptr) return cells.damage(cell);
  }
  return {};
}

Checked<void> verify_directory(const KeyBlocks& keys) {
  std::uint32_t end = 0;
  bool ascends = true;
  auto read = keys.directory().for_each(
      keys.block_count() + 1, [&](std::uint64_t index, std::uint32_t offset) {
        ascends = ascends && (index == 0 ? offset == 0 : offset > end);
        end = offset;
      });
  if (!read) return read;
  if (!ascends || end != keys.section().bytes.size()) {
    return keys.directory().cells().damage(0, "blocks do not fill their section");
  }
  return {};
}

// Checks the keys in their order, and what leads to them and from them.
class KeyVerifier {
 public:
  KeyVerifier(const PostingSections& sections, std::span<const std::byte> file)
      : sections_(sections), file_(file), walk_(sections.keys, 0) {}

  Checked<void> verify() {
    while (true) {
      const auto more = walk_.next();
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
      if (auto key = verify_key(); !key) return key;
    }
    const auto& header = sections_.header;
    if (keys_ != header.keys || streams_ != header.streams || bounds_ != header.bounds) {
      return sections_.keys.section().damage(0, "not as many keys as the header says");
    }
    if (lists_end_ != sections_.lists.bytes.size()) {
      return sections_.lists.damage(lists_end_, "bytes behind the last list");
    }
    return {};
  }

 private:
  Checked<void> verify_key() {
    const bool in_place =
        walk_.block() == keys_ / kKeysPerBlock && walk_.place() == keys_ % kKeysPerBlock;
    if (!in_place) return wrong("key block does not have its 16 keys");
    const bool ascends = keys_ == 0 || std::pair(last_kind_, std::string_view(last_text_)) <
                                           std::pair(walk_.kind(), std::string_view(walk_.text()));
    if (!ascends) return wrong("keys out of order");
    if (walk_.kind() == KeyKind::Bounds) ++bounds_;
    if (walk_.kind() == KeyKind::Stream) {
      ++streams_;
      if (!has_versions_for_postings()) return wrong("stream whose postings and versions disagree");
    }
    if (auto found = verify_lookup(); !found) return found;
    if (auto list = verify_list(); !list) return list;
    ++keys_;
    last_kind_ = walk_.kind();
    last_text_ = walk_.text();
    return {};
  }

  // From the first version on there are as many postings as versions, before it husks.
  bool has_versions_for_postings() const {
    const auto& value = walk_.value();
    const auto first = value.first_version.value;
    const auto last = value.last_version.value;
    if (first == 0 || first - 1 > last || value.postings > last) return false;
    return last - (first - 1) <= value.postings;
  }

  // The filter and the table lead to the key.
  Checked<void> verify_lookup() const {
    const std::uint64_t hash = hash_key(walk_.kind(), walk_.text(), sections_.identity.secret);
    const auto may_hold = sections_.filter.may_hold(hash);
    if (!may_hold) return std::unexpected(may_hold.error());
    if (!*may_hold) return wrong("key is not in the filter");
    SlotTable::Probe probe(sections_.key_table, hash);
    while (true) {
      const auto ordinal = probe.next();
      if (!ordinal) return std::unexpected(ordinal.error());
      if (!*ordinal) return wrong("key is not in the table");
      if (**ordinal == keys_) return {};
    }
  }

  Checked<void> verify_list() {
    const auto& value = walk_.value();
    if (!value.inline_list.empty()) {
      InlinePostings buffer;
      const auto postings = decode_inline_list(value.inline_list, value.postings, buffer);
      if (!postings) return wrong("inline list is malformed");
      return verify_postings(*postings);
    }
    const std::uint64_t start = (lists_end_ + kListAlignment - 1) / kListAlignment * kListAlignment;
    if (value.list_offset != start) return wrong("list is not behind the one before");
    const std::uint64_t lists_at = sections_.lists.file_offset;
    if (auto zeros = verify_zeros(file_, lists_at + lists_end_, lists_at + start); !zeros) {
      return zeros;
    }
    return is_dense(value.postings, sections_.header.postings)
               ? verify_bitmap(start, value.postings)
               : verify_chunks(start, value.postings);
  }

  Checked<void> verify_bitmap(std::uint64_t start, std::uint64_t count) {
    const auto bitmap = PostingBitmap::open(sections_.lists, sections_.identity.seed, start,
                                            sections_.header.postings);
    if (!bitmap) return std::unexpected(bitmap.error());
    const auto list_bytes = bitmap->verify(count);
    if (!list_bytes) return std::unexpected(list_bytes.error());
    lists_end_ = start + *list_bytes;
    ChunkPostings buffer;
    for (Posting from = 0;;) {
      const auto some = bitmap->fetch(from, Direction::Forwards, buffer);
      if (!some) return std::unexpected(some.error());
      if (*some == 0) return {};
      const auto postings = std::span<const Posting>(buffer).first(*some);
      if (auto there = verify_postings(postings); !there) return there;
      from = postings.back() + 1;
    }
  }

  Checked<void> verify_chunks(std::uint64_t start, std::uint64_t count) {
    const auto list = PostingList::open(sections_.lists, sections_.identity.seed, start, count);
    if (!list) return std::unexpected(list.error());
    const auto list_bytes = list->verify();
    if (!list_bytes) return std::unexpected(list_bytes.error());
    lists_end_ = start + *list_bytes;
    ChunkPostings buffer;
    for (std::uint64_t chunk = 0; chunk < list->chunk_count(); ++chunk) {
      const auto postings = list->decode(chunk, buffer);
      if (!postings) return std::unexpected(postings.error());
      if (auto there = verify_postings(*postings); !there) return there;
    }
    return {};
  }

  // Each posting is that of an event.
  Checked<void> verify_postings(std::span<const Posting> postings) const {
    if (postings.back() >= sections_.header.postings) return wrong("list beyond the last posting");
    for (const Posting posting : postings) {
      const auto offset = sections_.offsets.at(posting);
      if (!offset) return std::unexpected(offset.error());
      if (*offset == 0) return wrong("list names a hole");
    }
    return {};
  }

  std::unexpected<PostingDamage> wrong(const char* what) const {
    return sections_.keys.damage(walk_.block(), what);
  }

  const PostingSections& sections_;
  std::span<const std::byte> file_;
  KeyWalk walk_;
  std::uint64_t keys_ = 0;
  std::uint64_t streams_ = 0;
  std::uint64_t bounds_ = 0;
  std::uint64_t lists_end_ = 0;
  KeyKind last_kind_ = KeyKind::Stream;
  std::string last_text_;
};

Checked<void> verify_key_table(const PostingSections& sections) {
  std::uint64_t used = 0;
  auto read = sections.key_table.for_each([&](std::uint32_t ordinal) {
    ++used;
    return ordinal < sections.header.keys ? nullptr : "no key with the ordinal of a slot";
  });
  if (!read) return read;
  // All keys were found in it: so as many slots as keys means one slot a key.
  if (used != sections.header.keys) {
    return sections.keys.section().damage(0, "not as many slots as keys");
  }
  return {};
}

Checked<void> verify_id_table(const PostingSections& sections) {
  std::uint64_t used = 0;
  auto read = sections.id_table.for_each([&](std::uint32_t posting) -> const char* {
    ++used;
    if (posting >= sections.header.postings) return "no posting with the number of an id";
    const auto offset = sections.offsets.at(posting);
    if (!offset) return "offset of an id's event is damaged";
    return *offset != 0 ? nullptr : "id of a hole";
  });
  if (!read) return read;
  if (used != sections.header.ids) {
    return sections.offsets.cells().damage(0, "not as many slots as ids");
  }
  return {};
}

}  // namespace

Checked<void> verify_posting_sections(const PostingSections& sections,
                                      std::span<const std::byte> file) {
  if (auto gaps = verify_gaps(sections, file); !gaps) return gaps;
  if (auto offsets = verify_offsets(sections); !offsets) return offsets;
  if (auto filter = verify_cells(sections.filter.cells()); !filter) return filter;
  if (auto directory = verify_directory(sections.keys); !directory) return directory;
  if (auto keys = KeyVerifier(sections, file).verify(); !keys) return keys;
  if (auto table = verify_key_table(sections); !table) return table;
  return verify_id_table(sections);
}

}  // namespace eventstore::log
