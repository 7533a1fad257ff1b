#include "log/posting_iterator.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "core/check.hpp"

namespace eventstore::log {
namespace {

using Part = std::unique_ptr<PostingIterator>;
using Seek = Result<std::optional<Posting>>;

// Whether `a` comes before `b` in walking direction.
bool is_before(Posting a, Posting b, Direction direction) {
  return direction == Direction::Forwards ? a < b : a > b;
}

class ListIterator final : public PostingIterator {
 public:
  ListIterator(const SegmentIndex& index, const KeyEntry& entry, Direction direction)
      : index_(index), entry_(entry), direction_(direction) {}

  Seek seek(Posting from) override {
    if (filled_.empty() || is_before(filled_.back(), from, direction_)) {
      if (at_end_) return std::nullopt;
      auto filled = fill(from);
      if (!filled) return std::unexpected(std::move(filled).error());
      if (filled_.empty()) return std::nullopt;
    }
    gallop(from);
    return filled_.front();
  }

 private:
  static constexpr std::size_t kFirstFetch = 16;  // most walks end early
  static constexpr std::size_t kFetchMax = 512;

  // A walk that leaps over most of what it is given gets less, one that goes over all of it more.
  Result<void> fill(Posting from) {
    fetch_count_ = filled_.size() > fetch_count_ / 2 ? std::max(fetch_count_ / 2, kFirstFetch)
                                                     : std::min(fetch_count_ * 2, kFetchMax);
    const auto wanted = std::span(buffer_).first(fetch_count_);
    auto count = index_.fetch(entry_, from, direction_, wanted);
    if (!count) return std::unexpected(std::move(count).error());
    filled_ = wanted.first(*count);
    at_end_ = *count < wanted.size();
    return {};
  }

  // Drops what comes before `from`; something remains. Steps that double find the place quickly
  // both near and far.
  void gallop(Posting from) {
    std::size_t step = 1;
    while (step < filled_.size() && is_before(filled_[step], from, direction_)) step *= 2;
    const auto end = std::min(step + 1, filled_.size());
    const auto found = std::ranges::partition_point(
        filled_.first(end), [&](Posting posting) { return is_before(posting, from, direction_); });
    filled_ = filled_.subspan(static_cast<std::size_t>(found - filled_.begin()));
  }

  const SegmentIndex& index_;
  KeyEntry entry_;
  Direction direction_;
  std::array<Posting, kFetchMax> buffer_{};
  std::span<const Posting> filled_;  // the part of buffer_ still ahead
  std::size_t fetch_count_ = kFirstFetch / 2;
  bool at_end_ = false;
};

class RangeIterator final : public PostingIterator {
 public:
  RangeIterator(Posting last, Direction direction) : last_(last), direction_(direction) {}

  Seek seek(Posting from) override {
    if (from <= last_) return from;
    if (direction_ == Direction::Forwards) return std::nullopt;
    return last_;
  }

 private:
  Posting last_;
  Direction direction_;
};

class Intersection final : public PostingIterator {
 public:
  Intersection(std::vector<Part> parts, Direction direction)
      : parts_(std::move(parts)), direction_(direction) {}

  // Each part in turn leaps to the first posting that may still be in all of them.
  Seek seek(Posting from) override {
    // The parts may be beyond `from` already.
    if (at_end_ || (found_ && !is_before(*found_, from, direction_))) return found_;
    Posting candidate = from;
    for (std::size_t agreeing = 0; agreeing < parts_.size();) {
      auto posting = parts_[agreeing]->seek(candidate);
      if (!posting) return posting;
      if (!*posting) {
        at_end_ = true;
        found_.reset();
        return found_;
      }
      // A leap by the first part is one that the others have yet to follow.
      const bool leapt = **posting != candidate;
      candidate = **posting;
      agreeing = leapt && agreeing > 0 ? 0 : agreeing + 1;
    }
    found_ = candidate;
    return found_;
  }

 private:
  std::vector<Part> parts_;
  Direction direction_;
  std::optional<Posting> found_;
  bool at_end_ = false;
};

class Union final : public PostingIterator {
 public:
  Union(std::vector<Part> parts, Direction direction)
      : parts_(std::move(parts)), direction_(direction) {
    heads_.reserve(parts_.size());
  }

  Seek seek(Posting from) override {
    if (!started_) {
      started_ = true;
      for (auto& part : parts_) {
        if (auto pushed = push(*part, from); !pushed)
          return std::unexpected(std::move(pushed).error());
      }
    }
    while (!heads_.empty() && is_before(heads_.front().posting, from, direction_)) {
      std::ranges::pop_heap(heads_, IsLater{direction_});
      PostingIterator& part = *heads_.back().part;
      heads_.pop_back();
      if (auto pushed = push(part, from); !pushed)
        return std::unexpected(std::move(pushed).error());
    }
    if (heads_.empty()) return std::nullopt;
    return heads_.front().posting;
  }

 private:
  struct Head {
    Posting posting;
    PostingIterator* part;
  };
  struct IsLater {
    Direction direction;
    bool operator()(const Head& a, const Head& b) const {
      return is_before(b.posting, a.posting, direction);
    }
  };

  Result<void> push(PostingIterator& part, Posting from) {
    auto posting = part.seek(from);
    if (!posting) return std::unexpected(std::move(posting).error());
    if (!*posting) return {};
    heads_.push_back({.posting = **posting, .part = &part});
    std::ranges::push_heap(heads_, IsLater{direction_});
    return {};
  }

  std::vector<Part> parts_;
  Direction direction_;
  bool started_ = false;
  std::vector<Head> heads_;  // a heap, the next posting on top
};

// A part of a query, and about how many postings it has.
struct SizedPart {
  Part part;
  std::uint64_t postings = 0;
};

class QueryPlan {
 public:
  // A list that is so many times longer than the shortest is not looked into: to find a place in it
  // would cost more than to read the event.
  static constexpr std::uint64_t kLongerMax = 64;

  QueryPlan(const SegmentIndex& index, std::uint64_t secret, Posting last, Direction direction)
      : index_(index), secret_(secret), last_(last), direction_(direction) {}

  // The iterator of an item; null where nothing in this segment matches.
  Result<Part> item(const QueryItem& item) const {
    if (item.types.empty() && item.tags.empty()) return iterate_range(last_, direction_);
    std::vector<SizedPart> parts;
    for (const auto& tag : item.tags) {
      auto part = list(KeyKind::Tag, tag);
      if (!part) return std::unexpected(std::move(part).error());
      if (part->part == nullptr) return nullptr;
      parts.push_back(*std::move(part));
    }
    if (!item.types.empty()) {
      auto part = any_of_types(item.types);
      if (!part) return std::unexpected(std::move(part).error());
      if (part->part == nullptr) return nullptr;
      parts.push_back(*std::move(part));
    }
    std::ranges::sort(parts, {}, &SizedPart::postings);
    std::vector<Part> sorted;
    sorted.reserve(parts.size());
    for (auto& part : parts) {
      if (part.postings / kLongerMax > parts.front().postings) break;
      sorted.push_back(std::move(part.part));
    }
    return intersect(std::move(sorted), direction_);
  }

 private:
  Result<SizedPart> list(KeyKind kind, std::string_view text) const {
    const Key key{.kind = kind, .text = text, .hash = hash_key(kind, text, secret_)};
    auto entry = index_.find(key);
    if (!entry) return std::unexpected(std::move(entry).error());
    if (!*entry) return SizedPart{};
    return SizedPart{.part = iterate_list(index_, **entry, direction_),
                     .postings = (*entry)->postings};
  }

  Result<SizedPart> any_of_types(const std::vector<std::string>& types) const {
    std::vector<Part> parts;
    std::uint64_t postings = 0;
    for (const auto& type : types) {
      auto part = list(KeyKind::Type, type);
      if (!part) return std::unexpected(std::move(part).error());
      if (part->part == nullptr) continue;
      postings += part->postings;
      parts.push_back(std::move(part->part));
    }
    if (parts.empty()) return SizedPart{};
    return SizedPart{.part = unite(std::move(parts), direction_), .postings = postings};
  }

  const SegmentIndex& index_;
  std::uint64_t secret_;
  Posting last_;
  Direction direction_;
};

}  // namespace

std::unique_ptr<PostingIterator> iterate_list(const SegmentIndex& index, const KeyEntry& entry,
                                              Direction direction) {
  return std::make_unique<ListIterator>(index, entry, direction);
}

std::unique_ptr<PostingIterator> iterate_range(Posting last, Direction direction) {
  return std::make_unique<RangeIterator>(last, direction);
}

std::unique_ptr<PostingIterator> intersect(std::vector<std::unique_ptr<PostingIterator>> parts,
                                           Direction direction) {
  CHECK(!parts.empty());
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<Intersection>(std::move(parts), direction);
}

std::unique_ptr<PostingIterator> unite(std::vector<std::unique_ptr<PostingIterator>> parts,
                                       Direction direction) {
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<Union>(std::move(parts), direction);
}

Result<std::unique_ptr<PostingIterator>> iterate_query(const SegmentIndex& index,
                                                       const Query& query, std::uint64_t secret,
                                                       Posting last, Direction direction) {
  if (query.all) return iterate_range(last, direction);
  const QueryPlan plan(index, secret, last, direction);
  std::vector<Part> parts;
  for (const auto& item : query.items) {
    auto part = plan.item(item);
    if (!part) return std::unexpected(std::move(part).error());
    if (*part != nullptr) parts.push_back(*std::move(part));
  }
  return unite(std::move(parts), direction);
}

}  // namespace eventstore::log
