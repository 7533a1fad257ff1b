#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "log/posting_file.hpp"
#include "log/posting_test_support.hpp"

// Makes every call of a posting file whose bytes may be anything, and CHECKs what holds of the
// answers even so.
namespace eventstore::log {

inline bool is_corruption(const Error& error) {
  return error.code == ErrorCode::Corruption &&
         std::holds_alternative<DamageDetails>(error.details);
}

class PostingFileExercise {
 public:
  explicit PostingFileExercise(const PostingFile& file) : file_(file) {}

  void run() {
    const auto verified = file_.verify();
    CHECK(verified || is_corruption(verified.error()));
    is_sound_ = verified.has_value();
    for (const auto kind : {KeyKind::Stream, KeyKind::Category, KeyKind::Type, KeyKind::Tag}) {
      for (const auto* const prefix : {"", "a", "account-"}) list(kind, prefix);
    }
    for (const Posting posting : {0U, 1U, 14U, 15U, 149U, std::numeric_limits<Posting>::max()}) {
      const auto offset = file_.offset_of(posting);
      CHECK(offset || is_corruption(offset.error()));
    }
    for (std::uint64_t i = 0; i < 32; ++i) {
      const auto found = file_.find_id(i * 0x9E3779B97F4A7C15);
      CHECK(found || is_corruption(found.error()));
    }
  }

 private:
  static constexpr std::size_t kKeysMax = 64;  // of each listing

  void list(KeyKind kind, std::string_view prefix) {
    std::vector<std::pair<std::string, KeyEntry>> keys;
    const auto listed = file_.list_keys(kind, prefix, "", [&](auto text, const auto& entry) {
      CHECK(text.starts_with(prefix));
      keys.emplace_back(text, entry);
      return keys.size() < kKeysMax;
    });
    CHECK(listed || is_corruption(listed.error()));
    for (const auto& [text, entry] : keys) {
      const auto found = file_.find(PostingModel::key_of({kind, text}));
      CHECK(found || is_corruption(found.error()));
      if (is_sound_) CHECK(found && *found && (*found)->list == entry.list);
      walk(entry);
    }
  }

  void walk(const KeyEntry& entry) const {
    auto ahead = fetch(entry, 0, Direction::Forwards);
    const auto behind = fetch(entry, std::numeric_limits<Posting>::max(), Direction::Backwards);
    if (file_.is_dense(entry)) {
      auto candidates = ahead;
      const auto kept = file_.retain(entry, candidates);
      CHECK(kept || is_corruption(kept.error()));
      if (is_sound_) CHECK(kept && *kept == ahead.size());
    }
    if (!is_sound_ || entry.postings > kFetch) return;
    CHECK(ahead.size() == entry.postings);
    std::ranges::reverse(ahead);
    CHECK(ahead == behind);
    fetch(entry, ahead[ahead.size() / 2], Direction::Forwards);
    fetch(entry, ahead[ahead.size() / 2], Direction::Backwards);
  }

  std::vector<Posting> fetch(const KeyEntry& entry, Posting from, Direction direction) const {
    std::vector<Posting> out(kFetch);
    const auto count = file_.fetch(entry, from, direction, out);
    CHECK(count || is_corruption(count.error()));
    out.resize(count.value_or(0));
    const bool forwards = direction == Direction::Forwards;
    for (std::size_t i = 0; i < out.size(); ++i) {
      CHECK(forwards ? out[i] >= from : out[i] <= from);
      CHECK(i == 0 || (forwards ? out[i] > out[i - 1] : out[i] < out[i - 1]));
    }
    return out;
  }

  static constexpr std::size_t kFetch = 400;

  const PostingFile& file_;
  bool is_sound_ = false;
};

}  // namespace eventstore::log
