#include "log/posting_iterator.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <utility>

#include "core/check.hpp"

namespace eventstore::log {
namespace {

using Part = std::unique_ptr<PostingIterator>;
using Seek = Result<std::optional<Posting>>;

class ListIterator final : public PostingIterator {
 public:
  ListIterator(const RunIndex& index, const KeyEntry& entry, Direction direction)
      : PostingIterator(direction), index_(index), entry_(entry) {}

  Seek seek(Posting from) override {
    if (filled_.empty() || is_before(filled_.back(), from)) {
      if (at_end_) return std::nullopt;
      auto filled = fill(from);
      if (!filled) return std::unexpected(std::move(filled).error());
      if (filled_.empty()) return std::nullopt;
    }
    gallop(from);
    return filled_.front();
  }

  Result<std::size_t> take(Posting from, std::span<Posting> out) override {
    return index_.fetch(entry_, from, direction_, out);
  }

  Result<std::size_t> retain(std::span<Posting> candidates) override {
    return index_.is_dense(entry_) ? index_.retain(entry_, candidates)
                                   : PostingIterator::retain(candidates);
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
    while (step < filled_.size() && is_before(filled_[step], from)) step *= 2;
    const auto end = std::min(step + 1, filled_.size());
    const auto found = std::ranges::partition_point(
        filled_.first(end), [&](Posting posting) { return is_before(posting, from); });
    filled_ = filled_.subspan(static_cast<std::size_t>(found - filled_.begin()));
  }

  const RunIndex& index_;
  KeyEntry entry_;
  std::array<Posting, kFetchMax> buffer_{};
  std::span<const Posting> filled_;  // the part of buffer_ still ahead
  std::size_t fetch_count_ = kFirstFetch / 2;
  bool at_end_ = false;
};

class RangeIterator final : public PostingIterator {
 public:
  RangeIterator(Posting last, Direction direction) : PostingIterator(direction), last_(last) {}

  Seek seek(Posting from) override {
    if (from <= last_) return from;
    if (direction_ == Direction::Forwards) return std::nullopt;
    return last_;
  }

 private:
  Posting last_;
};

// Takes from the first part, a batch at a time, and keeps what all the others have.
class Intersection final : public PostingIterator {
 public:
  Intersection(std::vector<Part> parts, Direction direction)
      : PostingIterator(direction), parts_(std::move(parts)) {}

  Seek seek(Posting from) override {
    for (;;) {
      while (!ahead_.empty() && is_before(ahead_.front(), from)) ahead_ = ahead_.subspan(1);
      if (!ahead_.empty()) return ahead_.front();
      if (at_end_) return std::nullopt;
      if (next_ && is_before(from, *next_)) from = *next_;
      if (auto filled = fill(from); !filled) return std::unexpected(std::move(filled).error());
    }
  }

 private:
  static constexpr std::size_t kFirstBatch = 16;  // most walks end early
  static constexpr std::size_t kBatchMax = 512;

  Result<void> fill(Posting from) {
    const auto taken = parts_.front()->take(from, std::span(buffer_).first(batch_));
    if (!taken) return std::unexpected(taken.error());
    at_end_ = *taken < batch_;
    auto common = std::span(buffer_).first(*taken);
    if (common.empty()) return {};
    next_ = behind(common.back());
    if (!next_) at_end_ = true;
    batch_ = std::min(batch_ * 2, kBatchMax);
    for (auto part = parts_.begin() + 1; part != parts_.end() && !common.empty(); ++part) {
      const auto kept = (*part)->retain(common);
      if (!kept) return std::unexpected(kept.error());
      common = common.first(*kept);
      if (common.empty() && !at_end_) {
        if (auto leapt = leap(**part); !leapt) return leapt;
      }
    }
    ahead_ = common;
    return {};
  }

  // A part that has nothing of a batch may have nothing for long.
  Result<void> leap(PostingIterator& part) {
    const auto posting = part.seek(*next_);
    if (!posting) return std::unexpected(posting.error());
    next_ = *posting;
    at_end_ = !next_;
    return {};
  }

  std::vector<Part> parts_;  // the shortest first
  std::array<Posting, kBatchMax> buffer_{};
  std::span<const Posting> ahead_;  // the part of buffer_ that is still to be found
  std::size_t batch_ = kFirstBatch;
  std::optional<Posting> next_;  // where the first part goes on
  bool at_end_ = false;          // nothing comes behind buffer_
};

class Union final : public PostingIterator {
 public:
  Union(std::vector<Part> parts, Direction direction)
      : PostingIterator(direction), parts_(std::move(parts)) {
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
    while (!heads_.empty() && is_before(heads_.front().posting, from)) {
      std::ranges::pop_heap(heads_, IsLater{*this});
      PostingIterator& part = *heads_.back().part;
      heads_.pop_back();
      if (auto pushed = push(part, from); !pushed)
        return std::unexpected(std::move(pushed).error());
    }
    if (heads_.empty()) return std::nullopt;
    return heads_.front().posting;
  }

  Result<std::size_t> retain(std::span<Posting> candidates) override {
    std::vector<Posting> kept;
    for (auto& part : parts_) {
      std::vector<Posting> of_part(candidates.begin(), candidates.end());
      const auto count = part->retain(of_part);
      if (!count) return count;
      of_part.resize(*count);
      std::vector<Posting> both;
      std::ranges::set_union(kept, of_part, std::back_inserter(both),
                             [this](Posting a, Posting b) { return is_before(a, b); });
      kept = std::move(both);
    }
    std::ranges::copy(kept, candidates.begin());
    return kept.size();
  }

 private:
  struct Head {
    Posting posting;
    PostingIterator* part;
  };
  struct IsLater {
    const Union& walk;
    bool operator()(const Head& a, const Head& b) const {
      return walk.is_before(b.posting, a.posting);
    }
  };

  Result<void> push(PostingIterator& part, Posting from) {
    auto posting = part.seek(from);
    if (!posting) return std::unexpected(std::move(posting).error());
    if (!*posting) return {};
    heads_.push_back({.posting = **posting, .part = &part});
    std::ranges::push_heap(heads_, IsLater{*this});
    return {};
  }

  std::vector<Part> parts_;
  bool started_ = false;
  std::vector<Head> heads_;  // a heap, the next posting on top
};

// A part of a query, and about how many postings it has.
struct SizedPart {
  Part part;
  std::uint64_t postings = 0;
  bool is_dense = false;
};

class QueryPlan {
 public:
  // A list that is so many times longer than the shortest, and not dense, is not looked into: to
  // find a place in it would cost more than to read the event.
  static constexpr std::uint64_t kLongerMax = 64;

  QueryPlan(const RunIndex& index, std::uint64_t secret, Posting last, Direction direction)
      : index_(index), secret_(secret), last_(last), direction_(direction) {}

  // The iterator of an item; null where nothing in this run matches.
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
      const bool is_long = part.postings / kLongerMax > parts.front().postings;
      if (is_long && !part.is_dense) continue;
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
                     .postings = (*entry)->postings,
                     .is_dense = index_.is_dense(**entry)};
  }

  Result<SizedPart> any_of_types(const std::vector<std::string>& types) const {
    std::vector<Part> parts;
    std::uint64_t postings = 0;
    bool is_dense = true;
    for (const auto& type : types) {
      auto part = list(KeyKind::Type, type);
      if (!part) return std::unexpected(std::move(part).error());
      if (part->part == nullptr) continue;
      postings += part->postings;
      is_dense = is_dense && part->is_dense;
      parts.push_back(std::move(part->part));
    }
    if (parts.empty()) return SizedPart{};
    return SizedPart{
        .part = unite(std::move(parts), direction_), .postings = postings, .is_dense = is_dense};
  }

  const RunIndex& index_;
  std::uint64_t secret_;
  Posting last_;
  Direction direction_;
};

}  // namespace

Result<std::size_t> PostingIterator::take(Posting from, std::span<Posting> out) {
  std::size_t taken = 0;
  std::optional<Posting> next = from;
  while (next && taken < out.size()) {
    const auto posting = seek(*next);
    if (!posting) return std::unexpected(posting.error());
    if (!*posting) break;
    out[taken++] = **posting;
    next = behind(**posting);
  }
  return taken;
}

Result<std::size_t> PostingIterator::retain(std::span<Posting> candidates) {
  std::size_t kept = 0;
  for (const auto candidate : candidates) {
    const auto posting = seek(candidate);
    if (!posting) return std::unexpected(posting.error());
    if (!*posting) break;
    if (**posting == candidate) candidates[kept++] = candidate;
  }
  return kept;
}

std::unique_ptr<PostingIterator> iterate_list(const RunIndex& index, const KeyEntry& entry,
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

Result<std::unique_ptr<PostingIterator>> iterate_query(const RunIndex& index, const Query& query,
                                                       std::uint64_t secret, Posting last,
                                                       Direction direction) {
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
