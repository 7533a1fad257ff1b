#include "log/posting_bitmap.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <ranges>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "log/posting_list.hpp"

namespace eventstore::log {
namespace {

using Postings = std::vector<Posting>;

constexpr std::uint32_t kSeed = 0x5eed;

// A lists section with one dense list in it, of a run with so many postings.
class StoredBitmap {
 public:
  StoredBitmap(const Postings& postings, std::uint64_t run_postings) : run_postings_(run_postings) {
    EXPECT_TRUE(is_dense(postings.size(), run_postings));
    EXPECT_EQ(append_list(bytes, postings, run_postings, kSeed), 0U);
  }

  Checked<PostingBitmap> open() const {
    return PostingBitmap::open({.bytes = bytes, .file_offset = 1000}, kSeed, 0, run_postings_);
  }

  std::optional<Postings> fetch(Posting from, Direction direction, std::size_t count) const {
    const auto bitmap = open();
    if (!bitmap) return std::nullopt;
    Postings out(count);
    const auto fetched = bitmap->fetch(from, direction, out);
    if (!fetched) return std::nullopt;
    out.resize(*fetched);
    return out;
  }

  std::optional<Postings> retain(Postings candidates) const {
    const auto kept = open()->retain(candidates);
    if (!kept) return std::nullopt;
    candidates.resize(*kept);
    return candidates;
  }

  std::vector<std::byte> bytes;

 private:
  std::uint64_t run_postings_;
};

Postings every(Posting step, std::uint64_t run_postings) {
  Postings postings;
  for (Posting posting = 0; posting < run_postings; posting += step) postings.push_back(posting);
  return postings;
}

Postings reversed(Postings postings) {
  std::ranges::reverse(postings);
  return postings;
}

TEST(PostingBitmap, IsOfListsThatNameASixteenthOfTheirRun) {
  EXPECT_TRUE(is_dense(1, 16));
  EXPECT_FALSE(is_dense(1, 17));
  EXPECT_TRUE(is_dense(100, 1600));
  EXPECT_FALSE(is_dense(100, 1601));
}

// Around every border of words (64 bits) and cells (480).
TEST(PostingBitmap, FetchesRunsOfAnyLength) {
  for (const std::uint64_t run : {1U, 63U, 64U, 65U, 479U, 480U, 481U, 960U, 961U, 5000U}) {
    for (const Posting step : {1U, 3U, 16U}) {
      const auto postings = every(step, run);
      const StoredBitmap stored(postings, run);
      EXPECT_EQ(stored.fetch(0, Direction::Forwards, run + 1), postings);
      EXPECT_EQ(stored.fetch(0xffffffff, Direction::Backwards, run + 1), reversed(postings));
      EXPECT_EQ(stored.open()->verify(postings.size()), stored.bytes.size());
      EXPECT_EQ(stored.retain(every(1, run + 100)), postings);
      EXPECT_EQ(stored.retain(reversed(every(1, run + 100))), reversed(postings));
    }
  }
}

RC_GTEST_PROP(PostingBitmap, FetchesFromAnyPlace, ()) {
  const auto run = *rc::gen::resize(100, rc::gen::inRange<Posting>(1, 3000));
  const auto step = *rc::gen::element<Posting>(1, 2, 7, 16);
  const auto postings = every(step, run);
  const StoredBitmap stored(postings, run);
  const auto from = *rc::gen::resize(100, rc::gen::inRange<Posting>(0, run + 2));
  const auto wanted = *rc::gen::resize(100, rc::gen::inRange<std::size_t>(0, 500));

  const Postings ahead(std::ranges::lower_bound(postings, from), postings.end());
  const auto behind = reversed({postings.begin(), std::ranges::upper_bound(postings, from)});
  const auto forwards = stored.fetch(from, Direction::Forwards, wanted);
  RC_ASSERT(forwards && std::ranges::equal(*forwards, ahead | std::views::take(wanted)));
  const auto backwards = stored.fetch(from, Direction::Backwards, wanted);
  RC_ASSERT(backwards && std::ranges::equal(*backwards, behind | std::views::take(wanted)));
}

TEST(PostingBitmap, ReportsEveryFlippedBit) {
  const auto postings = every(3, 1000);
  StoredBitmap stored(postings, 1000);
  for (std::size_t bit = 0; bit < stored.bytes.size() * 8; ++bit) {
    const auto mask = std::byte{1} << (bit % 8);
    stored.bytes[bit / 8] ^= mask;
    EXPECT_FALSE(stored.open()->verify(postings.size())) << "bit " << bit;
    EXPECT_FALSE(stored.fetch(0, Direction::Forwards, 1000)) << "bit " << bit;
    EXPECT_FALSE(stored.fetch(999, Direction::Backwards, 1000)) << "bit " << bit;
    EXPECT_FALSE(stored.retain(every(1, 1000))) << "bit " << bit;
    // What is asked of one cell is right, or refused.
    const auto some = stored.retain({600, 601, 602, 603});
    EXPECT_TRUE(!some || *some == (Postings{600, 603})) << "bit " << bit;
    stored.bytes[bit / 8] ^= mask;
  }
}

TEST(PostingBitmap, RefusesOneThatIsNotWhole) {
  const auto postings = every(3, 1000);
  const auto whole = StoredBitmap(postings, 1000).bytes;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    StoredBitmap stored(postings, 1000);
    stored.bytes.resize(size);
    EXPECT_FALSE(stored.open()) << size;
  }
}

TEST(PostingBitmap, VerifiesTheNumberOfBits) {
  const auto postings = every(3, 1000);
  StoredBitmap stored(postings, 1000);
  EXPECT_TRUE(stored.open()->verify(postings.size()));
  EXPECT_FALSE(stored.open()->verify(postings.size() + 1));
  // One behind the run in place of one within it.
  std::ranges::fill(stored.bytes, std::byte{0});
  auto other = postings;
  other.back() = 1000;
  add_to_bitmap(stored.bytes, other);
  seal_cells(stored.bytes, kSeed);
  EXPECT_FALSE(stored.open()->verify(postings.size()));
}

}  // namespace
}  // namespace eventstore::log
