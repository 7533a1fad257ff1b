#include "log/key_merge.hpp"

#include <utility>

#include "log/damage.hpp"
#include "log/posting_sections.hpp"

namespace eventstore::log {

KeyMerge::KeyMerge(std::span<const PostingFile* const> files) : files_(files) {
  walks_.reserve(files.size());
  for (const auto* const file : files) {
    walks_.push_back({.walk = KeyWalk(file->sections().keys, 0)});
  }
}

Result<bool> KeyMerge::next() {
  if (!started_) {
    started_ = true;
    for (std::size_t file = 0; file < walks_.size(); ++file) at_key_.push_back(file);
  }
  for (const auto file : at_key_) {
    if (auto advanced = advance(file); !advanced) return std::unexpected(advanced.error());
  }
  at_key_.clear();
  for (std::size_t file = 0; file < walks_.size(); ++file) {
    if (walks_[file].ended) continue;
    if (!at_key_.empty()) {
      const auto& least = walks_[at_key_.front()].walk;
      if (is_before(least, walks_[file].walk)) continue;
      if (is_before(walks_[file].walk, least)) at_key_.clear();
    }
    at_key_.push_back(file);
  }
  if (at_key_.empty()) return false;
  turn_ = 1 - turn_;
  texts_[turn_] = walks_[at_key_.front()].walk.text();
  kind_ = walks_[at_key_.front()].walk.kind();
  return true;
}

Result<void> KeyMerge::advance(std::size_t file) {
  const auto more = walks_[file].walk.next();
  if (!more) {
    return std::unexpected(corruption({.file = files_[file]->path(), .offset = more.error().offset},
                                      more.error().what));
  }
  walks_[file].ended = !*more;
  return {};
}

bool KeyMerge::is_before(const KeyWalk& a, const KeyWalk& b) const {
  return a.kind() != b.kind() ? a.kind() < b.kind() : a.text() < b.text();
}

}  // namespace eventstore::log
