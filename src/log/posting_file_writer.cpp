#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "core/check.hpp"
#include "log/posting_file.hpp"
#include "log/posting_list.hpp"
#include "log/posting_sections.hpp"

namespace eventstore::log {
namespace {

constexpr std::size_t kCountMax = std::numeric_limits<std::uint32_t>::max();

// Sorts keys by kind and bytes. Eight bytes at a time are compared as numbers that lie side by
// side; only keys equal so far are looked at again.
class KeySorter {
 public:
  explicit KeySorter(std::span<const PostingFileContents::KeyPostings> keys) : keys_(keys) {}

  // The indexes of the keys, in order.
  std::vector<std::uint32_t> sort() {
    items_.reserve(keys_.size());
    for (const auto& entry : keys_) {
      items_.push_back({.window = static_cast<std::uint64_t>(entry.key.kind),
                        .rest = kMoreThanWindow,
                        .index = static_cast<std::uint32_t>(items_.size())});
    }
    sort_windows(items_, 0);
    std::vector<std::uint32_t> order;
    order.reserve(items_.size());
    for (const auto& item : items_) order.push_back(item.index);
    return order;
  }

 private:
  static constexpr std::size_t kWindowBytes = 8;
  static constexpr std::uint32_t kMoreThanWindow = 9;

  struct Item {
    std::uint64_t window;  // the next bytes of the text, big-endian, zeros behind its end
    std::uint32_t rest;    // how many bytes the text has from there on, at most 9
    std::uint32_t index;

    bool is_before(const Item& other) const {
      return window != other.window ? window < other.window : rest < other.rest;
    }
    bool is_same(const Item& other) const { return window == other.window && rest == other.rest; }
  };

  void load_window(Item& item, std::size_t depth) const {
    const auto rest = keys_[item.index].key.text.substr(depth);
    std::uint64_t window = 0;
    if (!rest.empty()) std::memcpy(&window, rest.data(), std::min(rest.size(), kWindowBytes));
    if constexpr (std::endian::native == std::endian::little) window = std::byteswap(window);
    item.window = window;
    item.rest = static_cast<std::uint32_t>(std::min<std::size_t>(rest.size(), kMoreThanWindow));
  }

  // Sorts by the windows as loaded, then each run of equal ones by the texts from `depth` on.
  void sort_windows(std::span<Item> items, std::size_t depth) {
    std::ranges::sort(items, [](const Item& a, const Item& b) { return a.is_before(b); });
    while (!items.empty()) {
      const auto end = std::ranges::find_if_not(
          items, [&](const Item& item) { return item.is_same(items.front()); });
      const auto run = items.first(static_cast<std::size_t>(end - items.begin()));
      items = items.subspan(run.size());
      if (run.size() == 1 || run.front().rest < kMoreThanWindow) continue;
      for (auto& item : run) load_window(item, depth);
      sort_windows(run, depth + kWindowBytes);
    }
  }

  std::span<const PostingFileContents::KeyPostings> keys_;
  std::vector<Item> items_;
};

// Puts a posting file together: the sections whose size is known beforehand are written in place,
// the key blocks and the lists are appended.
class PostingFileWriter {
 public:
  explicit PostingFileWriter(PostingFileContents contents)
      : contents_(std::move(contents)), seed_(contents_.identity.seed) {}

  std::vector<std::byte> write() {
    place_sections();
    write_offsets();
    write_ids();
    write_keys();
    for (const auto name : {SectionName::Offsets, SectionName::Filter, SectionName::KeyTable,
                            SectionName::IdTable, SectionName::Directory}) {
      seal_cells(section(name), seed_);
    }
    append(SectionName::Keys, keys_);
    append(SectionName::Lists, lists_);
    header_.file_bytes = file_.size();
    encode_posting_header(header_, contents_.identity,
                          std::span(file_).first<kPostingHeaderBytes>());
    return std::move(file_);
  }

 private:
  void place_sections() {
    CHECK(contents_.offsets.size() <= kCountMax && contents_.keys.size() <= kCountMax &&
          contents_.ids.size() <= kCountMax);
    header_.postings = contents_.offsets.size();
    header_.keys = contents_.keys.size();
    header_.ids = contents_.ids.size();
    file_.resize(header_.place_cells());
  }

  std::span<std::byte> section(SectionName name) {
    const auto& place = header_.place(name);
    return std::span(file_).subspan(place.offset, place.bytes);
  }

  void write_offsets() {
    const auto offsets = section(SectionName::Offsets);
    std::uint64_t posting = 0;
    for (const auto offset : contents_.offsets) {
      if (offset != 0) ++header_.events;
      store_number(offsets, posting++, offset);
    }
  }

  void write_ids() {
    for (const auto& id : contents_.ids) {
      add_to_filter(section(SectionName::Filter), id.hash);
      add_to_table(section(SectionName::IdTable), id.hash, id.posting);
    }
  }

  void write_keys() {
    KeyBlocksWriter blocks(section(SectionName::Directory), seed_);
    std::uint32_t ordinal = 0;
    for (const auto index : KeySorter(contents_.keys).sort()) {
      const auto& entry = contents_.keys[index];
      CHECK(!entry.postings.empty() && entry.postings.back() < header_.postings);
      if (entry.key.kind == KeyKind::Stream) ++header_.streams;
      if (entry.key.kind == KeyKind::Bounds) ++header_.bounds;
      add_to_filter(section(SectionName::Filter), entry.key.hash);
      add_to_table(section(SectionName::KeyTable), entry.key.hash, ordinal++);

      InlineListBytes buffer;
      KeyValue value{.postings = static_cast<std::uint32_t>(entry.postings.size()),
                     .first_version = entry.first_version,
                     .last_version = entry.last_version,
                     .inline_list = encode_inline_list(entry.postings, buffer)};
      if (value.inline_list.empty()) {
        value.list_offset = append_list(lists_, entry.postings, header_.postings, seed_);
      }
      blocks.add(entry.key.kind, entry.key.text, value);
    }
    keys_ = blocks.finish();
  }

  void append(SectionName name, const std::vector<std::byte>& bytes) {
    file_.resize(align_section(file_.size()));
    header_.place(name) = {.offset = file_.size(), .bytes = bytes.size()};
    file_.insert(file_.end(), bytes.begin(), bytes.end());
  }

  PostingFileContents contents_;
  std::uint32_t seed_;
  PostingHeader header_;
  std::vector<std::byte> file_;
  std::vector<std::byte> keys_;
  std::vector<std::byte> lists_;
};

}  // namespace

std::vector<std::byte> encode_posting_file(PostingFileContents contents) {
  return PostingFileWriter(std::move(contents)).write();
}

}  // namespace eventstore::log
