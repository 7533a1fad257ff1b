#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "log/run_index.hpp"

namespace eventstore::log {

// Walks postings of one run in one direction: a list, an intersection or a union of lists.
//
// Threads: one at a time. Borrows the RunIndex it was made from.
class PostingIterator {
 public:
  explicit PostingIterator(Direction direction) : direction_(direction) {}
  virtual ~PostingIterator() = default;
  PostingIterator(const PostingIterator&) = delete;
  PostingIterator& operator=(const PostingIterator&) = delete;

  // The first posting at or beyond `from` in walking direction (>= forwards, <= backwards); absent
  // at the end. Going back on an earlier `from` is not allowed.
  virtual Result<std::optional<Posting>> seek(Posting from) = 0;

  // Copies to `out` what seek() would find from `from` on, one after another. Returns how many;
  // fewer than asked only at the end. What comes later must be beyond what was copied.
  virtual Result<std::size_t> take(Posting from, std::span<Posting> out);

  // Takes out of `candidates`, which stand in walking direction and not before what was asked for
  // earlier, those that it does not have. Returns how many are left, in front.
  virtual Result<std::size_t> retain(std::span<Posting> candidates);

 protected:
  // Whether `a` comes before `b` in walking direction.
  bool is_before(Posting a, Posting b) const {
    return direction_ == Direction::Forwards ? a < b : a > b;
  }
  // The posting behind `posting` in walking direction; absent where there can be none.
  std::optional<Posting> behind(Posting posting) const {
    const bool forwards = direction_ == Direction::Forwards;
    if (posting == (forwards ? std::numeric_limits<Posting>::max() : 0)) return std::nullopt;
    return forwards ? posting + 1 : posting - 1;
  }

  const Direction direction_;
};

std::unique_ptr<PostingIterator> iterate_list(const RunIndex& index, const KeyEntry& entry,
                                              Direction direction);
// Every posting from 0 to `last`, holes included.
std::unique_ptr<PostingIterator> iterate_range(Posting last, Direction direction);
// What is in all of `parts` (at least one). Cheapest when the shortest list comes first.
std::unique_ptr<PostingIterator> intersect(std::vector<std::unique_ptr<PostingIterator>> parts,
                                           Direction direction);
// What is in any of `parts`, once each; none: nothing.
std::unique_ptr<PostingIterator> unite(std::vector<std::unique_ptr<PostingIterator>> parts,
                                       Direction direction);

// Events of a run among which are all that match `query` by type and tags. There may be others:
// where one list of an item is far longer than another and not dense, looking into it costs more
// than the events do, so Query::matches() is left to say. Query::everything() gives the range up to
// `last`.
Result<std::unique_ptr<PostingIterator>> iterate_query(const RunIndex& index, const Query& query,
                                                       std::uint64_t secret, Posting last,
                                                       Direction direction);

}  // namespace eventstore::log
