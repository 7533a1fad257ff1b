#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "log/posting_file.hpp"
#include "log/posting_keys.hpp"

namespace eventstore::log {

// Walks the keys of several posting files in their order, each key once.
//
// Threads: one at a time. Borrows the files.
class KeyMerge {
 public:
  explicit KeyMerge(std::span<const PostingFile* const> files);

  // Goes to the next key, the first one at first. False at the end.
  Result<bool> next();

  // Of the key it is at. `text` is valid until the call after the next one.
  KeyKind kind() const { return kind_; }
  std::string_view text() const { return texts_[turn_]; }

  // The ordinals of the files that have the key, ascending.
  std::span<const std::size_t> files() const { return at_key_; }
  const KeyEntry& entry_in(std::size_t file) const { return walks_[file].walk.entry(); }

 private:
  struct Walk {
    KeyWalk walk;
    bool ended = false;
  };

  Result<void> advance(std::size_t file);
  bool is_before(const KeyWalk& a, const KeyWalk& b) const;

  const std::span<const PostingFile* const> files_;
  std::vector<Walk> walks_;
  std::vector<std::size_t> at_key_;
  bool started_ = false;
  KeyKind kind_ = KeyKind::Stream;
  std::array<std::string, 2> texts_;  // of this key and the one before
  std::size_t turn_ = 0;
};

}  // namespace eventstore::log
