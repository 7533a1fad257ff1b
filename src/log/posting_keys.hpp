#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "log/posting_cells.hpp"
#include "log/posting_format.hpp"
#include "log/run_index.hpp"

// The sorted keys of a posting file: blocks of 16, front-coded, found by a directory.
namespace eventstore::log {

inline constexpr std::size_t kKeysPerBlock = 16;

// What is stored with a key. `inline_list` is empty where the list stands in the lists section.
struct KeyValue {
  std::uint32_t postings = 0;
  StreamVersion first_version;
  StreamVersion last_version;
  std::span<const std::byte> inline_list;
  std::uint64_t list_offset = 0;  // in the lists section
};

// Builds the key blocks and the block directory from the keys in their order.
//
// Threads: one at a time. Borrows the directory.
class KeyBlocksWriter {
 public:
  // `directory` is zeros, and has room for one number more than there will be blocks.
  KeyBlocksWriter(std::span<std::byte> directory, std::uint32_t seed)
      : directory_(directory), seed_(seed) {}

  // `text` must stay valid until the next call.
  void add(KeyKind kind, std::string_view text, const KeyValue& value);

  // Hands out the blocks that are whole, so that they need not stay in memory.
  std::vector<std::byte> take_blocks();
  // Returns the section of the key blocks, or what was not taken of it.
  std::vector<std::byte> finish();

 private:
  void end_block();

  std::span<std::byte> directory_;
  std::uint32_t seed_;
  std::vector<std::byte> blocks_;
  std::size_t block_start_ = 0;
  std::uint64_t taken_bytes_ = 0;
  std::uint64_t keys_ = 0;
  KeyKind last_kind_ = KeyKind::Stream;
  std::string_view last_text_;
};

// Reads the keys of one block, whose checksum holds, in their order.
//
// Threads: one at a time. Borrows the block, which the keys point into.
class KeyBlockReader {
 public:
  explicit KeyBlockReader(std::span<const std::byte> block);

  struct StoredKey {
    KeyKind kind;
    std::size_t shared;     // bytes that its text has in common with the key before
    std::string_view rest;  // of its text
    std::size_t list_at;    // of the inline list, from the start of the block
    KeyValue value;
  };
  // Absent where the bytes are not a key; the reader then stays there.
  std::optional<StoredKey> next();

  bool at_end() const { return reader_.at_end(); }

 private:
  VarintReader reader_;
  std::uint8_t last_kind_ = 0;
  std::size_t last_text_bytes_ = 0;
};

// Finds keys. Borrows the file's bytes; immutable.
class KeyBlocks {
 public:
  KeyBlocks() = default;
  KeyBlocks(PostingSection section, NumberArray directory, std::uint64_t keys, std::uint32_t seed)
      : section_(section), directory_(directory), keys_(keys), seed_(seed) {}

  static std::uint64_t blocks_for(std::uint64_t keys) { return cells_for(keys, kKeysPerBlock); }
  std::uint64_t block_count() const { return blocks_for(keys_); }
  const PostingSection& section() const { return section_; }
  const NumberArray& directory() const { return directory_; }

  // The bytes of a block, checked. `index` is less than block_count().
  Checked<PostingSection> block(std::uint64_t index) const;

  // The entry of the key with this ordinal, if it is this key.
  Checked<std::optional<KeyEntry>> entry_if(std::uint64_t ordinal, KeyKind kind,
                                            std::string_view text) const;

  // The last block whose first key is not greater than this one, or the first block.
  Checked<std::uint64_t> block_with(KeyKind kind, std::string_view text) const;

  std::unexpected<PostingDamage> damage(std::uint64_t block, const char* what) const;

 private:
  PostingSection section_;
  NumberArray directory_;
  std::uint64_t keys_ = 0;
  std::uint32_t seed_ = 0;
};

// Walks the keys from the start of a block to the last one, with their whole text.
//
// Threads: one at a time. Borrows the blocks; what it says of a key is valid until the next one.
class KeyWalk {
 public:
  KeyWalk(const KeyBlocks& blocks, std::uint64_t block) : blocks_(blocks), next_block_(block) {}

  // Goes to the next key, the first one at first. False at the end.
  Checked<bool> next();

  KeyKind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  const KeyEntry& entry() const { return entry_; }
  const KeyValue& value() const { return value_; }
  std::uint64_t block() const { return next_block_ - 1; }
  std::size_t place() const { return place_; }  // in the block: 0, 1, 2, ...

 private:
  const KeyBlocks& blocks_;
  std::uint64_t next_block_;
  std::optional<KeyBlockReader> reader_;
  std::size_t place_ = 0;
  KeyKind kind_ = KeyKind::Stream;
  std::string text_;
  KeyEntry entry_;
  KeyValue value_;
};

}  // namespace eventstore::log
