#include "log/posting_keys.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/check.hpp"
#include "log/posting_list.hpp"

namespace eventstore::log {
namespace {

constexpr std::size_t kBlockHeaderBytes = 4;

std::size_t shared_bytes(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

bool is_kind(std::uint8_t kind) {
  return kind >= static_cast<std::uint8_t>(KeyKind::Stream) &&
         kind <= static_cast<std::uint8_t>(KeyKind::Bounds);
}

// How RunIndex::fetch() finds the list again: an inline one by block and place in the block,
// one of the lists section by its offset there, with no list_bytes.
KeyEntry make_entry(const KeyBlockReader::StoredKey& key, std::uint64_t block) {
  const KeyValue& value = key.value;
  const bool is_inline = !value.inline_list.empty();
  return KeyEntry{.postings = value.postings,
                  .first_version = value.first_version,
                  .last_version = value.last_version,
                  .list = is_inline ? block << 32 | key.list_at : value.list_offset,
                  .list_bytes = static_cast<std::uint32_t>(value.inline_list.size())};
}

}  // namespace

void KeyBlocksWriter::add(KeyKind kind, std::string_view text, const KeyValue& value) {
  CHECK(keys_ == 0 || std::pair(last_kind_, last_text_) < std::pair(kind, text));
  const bool starts_block = keys_ % kKeysPerBlock == 0;
  if (starts_block) {
    if (keys_ > 0) end_block();
    blocks_.resize(block_start_ + kBlockHeaderBytes);
  }
  const bool shares = !starts_block && kind == last_kind_;
  const std::size_t shared = shares ? shared_bytes(last_text_, text) : 0;
  const auto rest = as_bytes(text.substr(shared));
  blocks_.push_back(static_cast<std::byte>(kind));
  append_varint(blocks_, shared);
  append_varint(blocks_, rest.size());
  blocks_.insert(blocks_.end(), rest.begin(), rest.end());
  append_varint(blocks_, value.postings);
  if (kind == KeyKind::Stream) {
    append_varint(blocks_, value.first_version.value);
    append_varint(blocks_, value.last_version.value);
  }
  append_varint(blocks_, value.inline_list.size());
  blocks_.insert(blocks_.end(), value.inline_list.begin(), value.inline_list.end());
  if (value.inline_list.empty()) append_varint(blocks_, value.list_offset);
  last_kind_ = kind;
  last_text_ = text;
  ++keys_;
}

void KeyBlocksWriter::end_block() {
  CHECK(taken_bytes_ + blocks_.size() <= std::numeric_limits<std::uint32_t>::max());
  const std::uint64_t block = (keys_ - 1) / kKeysPerBlock;
  const auto rest = std::span(blocks_).subspan(block_start_ + kBlockHeaderBytes);
  store_le(blocks_.data() + block_start_, seeded_crc(rest, seed_));
  store_number(directory_, block, static_cast<std::uint32_t>(taken_bytes_ + block_start_));
  block_start_ = blocks_.size();
}

std::vector<std::byte> KeyBlocksWriter::take_blocks() {
  const auto whole = blocks_.begin() + static_cast<std::ptrdiff_t>(block_start_);
  std::vector<std::byte> taken(blocks_.begin(), whole);
  blocks_.erase(blocks_.begin(), whole);
  taken_bytes_ += std::exchange(block_start_, 0);
  return taken;
}

std::vector<std::byte> KeyBlocksWriter::finish() {
  if (keys_ > 0) end_block();
  store_number(directory_, KeyBlocks::blocks_for(keys_),
               static_cast<std::uint32_t>(taken_bytes_ + block_start_));
  return std::move(blocks_);
}

KeyBlockReader::KeyBlockReader(std::span<const std::byte> block) : reader_(block) {
  reader_.take(kBlockHeaderBytes);
}

std::optional<KeyBlockReader::StoredKey> KeyBlockReader::next() {
  VarintReader reader = reader_;  // a copy, which the compiler keeps in registers
  const std::uint8_t kind = reader.next_byte();
  const std::uint64_t shared = reader.next();
  const auto rest = reader.take(reader.next());
  const std::uint64_t postings = reader.next();
  KeyValue value;
  if (kind == static_cast<std::uint8_t>(KeyKind::Stream)) {
    value.first_version = {reader.next()};
    value.last_version = {reader.next()};
  }
  const std::uint64_t list_bytes = reader.next();
  const std::size_t list_at = reader.offset();
  value.inline_list = reader.take(list_bytes);
  if (list_bytes == 0) value.list_offset = reader.next();

  const bool can_share = kind == last_kind_;
  if (reader.failed() || !is_kind(kind) || shared > (can_share ? last_text_bytes_ : 0) ||
      postings == 0 || postings > std::numeric_limits<std::uint32_t>::max() ||
      list_bytes > kInlineListBytesMax) {
    return std::nullopt;
  }
  reader_ = reader;
  value.postings = static_cast<std::uint32_t>(postings);
  last_kind_ = kind;
  last_text_bytes_ = static_cast<std::size_t>(shared) + rest.size();
  return StoredKey{.kind = static_cast<KeyKind>(kind),
                   .shared = static_cast<std::size_t>(shared),
                   .rest = as_chars(rest),
                   .list_at = list_at,
                   .value = value};
}

std::unexpected<PostingDamage> KeyBlocks::damage(std::uint64_t block, const char* what) const {
  const auto offset = directory_.at(block);
  return section_.damage(offset ? *offset : 0, what);
}

Checked<PostingSection> KeyBlocks::block(std::uint64_t index) const {
  const auto bounds = directory_.pair_at(index);
  if (!bounds) return std::unexpected(bounds.error());
  const auto [begin, end] = *bounds;
  if (begin > end || end > section_.bytes.size() || end - begin < kBlockHeaderBytes) {
    return section_.damage(0, "key block out of bounds");
  }
  const PostingSection block{.bytes = section_.bytes.subspan(begin, end - begin),
                             .file_offset = section_.file_offset + begin};
  const std::uint32_t crc = seeded_crc(block.bytes.subspan(kBlockHeaderBytes), seed_);
  if (crc != load_le<std::uint32_t>(block.bytes.data())) {
    return block.damage(0, "key block checksum mismatch");
  }
  return block;
}

Checked<std::optional<KeyEntry>> KeyBlocks::entry_if(std::uint64_t ordinal, KeyKind kind,
                                                     std::string_view text) const {
  if (ordinal >= keys_) return section_.damage(0, "no key with the ordinal of a slot");
  const std::uint64_t index = ordinal / kKeysPerBlock;
  const auto bytes = block(index);
  if (!bytes) return std::unexpected(bytes.error());

  // No text is put together: a key that shares more with the one before than that one shares with
  // `text` differs from `text` in the same place.
  KeyBlockReader reader(bytes->bytes);
  std::size_t matched = 0;
  for (std::size_t place = 0;; ++place) {
    const auto key = reader.next();
    if (!key) return bytes->damage(0, "key block is malformed");
    if (key->shared <= matched) {
      matched = key->shared + shared_bytes(text.substr(key->shared), key->rest);
    }
    if (place < ordinal % kKeysPerBlock) continue;
    const bool is_same = key->kind == kind && matched == text.size() &&
                         key->shared + key->rest.size() == text.size();
    if (!is_same) return std::nullopt;
    return make_entry(*key, index);
  }
}

Checked<std::uint64_t> KeyBlocks::block_with(KeyKind kind, std::string_view text) const {
  std::uint64_t low = 0;
  std::uint64_t high = block_count();
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto bytes = block(middle);
    if (!bytes) return std::unexpected(bytes.error());
    const auto first = KeyBlockReader(bytes->bytes).next();
    if (!first) return bytes->damage(0, "key block is malformed");
    const bool is_greater = std::pair(first->kind, first->rest) > std::pair(kind, text);
    (is_greater ? high : low) = middle;
  }
  return low;
}

Checked<bool> KeyWalk::next() {
  if (reader_ && !reader_->at_end()) {
    ++place_;
  } else {
    if (next_block_ >= blocks_.block_count()) return false;
    const auto bytes = blocks_.block(next_block_);
    if (!bytes) return std::unexpected(bytes.error());
    reader_.emplace(bytes->bytes);
    ++next_block_;
    place_ = 0;
  }
  const auto key = reader_->next();
  if (!key) return blocks_.damage(block(), "key block is malformed");
  kind_ = key->kind;
  text_.resize(key->shared);
  text_ += key->rest;
  entry_ = make_entry(*key, block());
  value_ = key->value;
  return true;
}

}  // namespace eventstore::log
