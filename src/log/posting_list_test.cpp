#include "log/posting_list.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <ranges>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace eventstore::log {
namespace {

using Postings = std::vector<Posting>;

constexpr std::uint32_t kSeed = 0x5eed;
constexpr Posting kPostingMax = std::numeric_limits<Posting>::max();
constexpr std::uint64_t kManyPostings = kPostingMax;  // of the run: so many that no list is dense

Postings every(Posting step, std::size_t count) {
  Postings postings(count);
  for (std::size_t i = 0; i < count; ++i) postings[i] = static_cast<Posting>(i) * step;
  return postings;
}

// A lists section with one list in it.
class StoredList {
 public:
  explicit StoredList(const Postings& postings) : count_(postings.size()) {
    EXPECT_EQ(append_list(bytes, postings, kManyPostings, kSeed), 0U);
  }

  Checked<PostingList> open() const {
    return PostingList::open({.bytes = bytes, .file_offset = 1000}, kSeed, 0, count_);
  }

  std::optional<Postings> fetch(Posting from, Direction direction, std::size_t count) const {
    const auto list = open();
    if (!list) return std::nullopt;
    Postings out(count);
    const auto fetched = list->fetch(from, direction, out);
    if (!fetched) return std::nullopt;
    out.resize(*fetched);
    return out;
  }

  std::vector<std::byte> bytes;

 private:
  std::size_t count_;
};

TEST(PostingList, KeepsListsInlineUpTo64Bytes) {
  InlineListBytes buffer;
  InlinePostings decoded;
  for (const auto& postings : {Postings{0}, Postings{kPostingMax}, every(1, 64), every(128, 32),
                               Postings{0, kPostingMax}}) {
    const auto bytes = encode_inline_list(postings, buffer);
    ASSERT_FALSE(bytes.empty());
    const auto read = decode_inline_list(bytes, postings.size(), decoded);
    ASSERT_TRUE(read);
    EXPECT_TRUE(std::ranges::equal(*read, postings));
  }
  EXPECT_TRUE(encode_inline_list(every(1, 65), buffer).empty());
  EXPECT_TRUE(encode_inline_list(every(128, 34), buffer).empty());
}

TEST(PostingList, RefusesInlineBytesThatAreNotTheList) {
  InlineListBytes buffer;
  InlinePostings decoded;
  const auto bytes = encode_inline_list(Postings{5, 200, 4000}, buffer);
  ASSERT_TRUE(decode_inline_list(bytes, 3, decoded));
  for (const std::size_t count : {0UL, 2UL, 4UL, 65UL}) {
    EXPECT_FALSE(decode_inline_list(bytes, count, decoded)) << count;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_inline_list(bytes.first(size), 3, decoded)) << size;
  }
  const std::array twice = {std::byte{5}, std::byte{0}};
  EXPECT_FALSE(decode_inline_list(twice, 2, decoded));
  const std::array beyond = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                             std::byte{0xff}, std::byte{0x0f}, std::byte{1}};
  EXPECT_TRUE(decode_inline_list(std::span(beyond).first(5), 1, decoded));
  EXPECT_FALSE(decode_inline_list(beyond, 2, decoded));
}

// Around every border of chunks (128) and of directory cells (5 chunks, one entry being the end).
TEST(PostingList, FetchesListsOfAnyLength) {
  for (const std::size_t count :
       {1UL, 2UL, 127UL, 128UL, 129UL, 256UL, 511UL, 512UL, 513UL, 640UL, 641UL, 1281UL, 5000UL}) {
    for (const Posting step : {1U, 3U, 200U, 500000U}) {
      const auto postings = every(step, count);
      const StoredList stored(postings);
      auto reversed = postings;
      std::ranges::reverse(reversed);
      EXPECT_EQ(stored.fetch(0, Direction::Forwards, count + 1), postings);
      EXPECT_EQ(stored.fetch(kPostingMax, Direction::Backwards, count + 1), reversed);
      EXPECT_EQ(stored.open()->verify(), stored.bytes.size());
    }
  }
}

RC_GTEST_PROP(PostingList, FetchesFromAnyPlace, ()) {
  const auto count = *rc::gen::resize(100, rc::gen::inRange<std::size_t>(1, 2000));
  const auto step = *rc::gen::element<Posting>(1, 2, 100, 1000);
  const auto postings = every(step, count);
  const StoredList stored(postings);
  const auto from = *rc::gen::resize(100, rc::gen::inRange<Posting>(0, postings.back() + 2));
  const auto wanted = *rc::gen::resize(100, rc::gen::inRange<std::size_t>(0, 500));

  const Postings ahead(std::ranges::lower_bound(postings, from), postings.end());
  Postings behind(postings.begin(), std::ranges::upper_bound(postings, from));
  std::ranges::reverse(behind);
  const auto forwards = stored.fetch(from, Direction::Forwards, wanted);
  RC_ASSERT(forwards && std::ranges::equal(*forwards, ahead | std::views::take(wanted)));
  const auto backwards = stored.fetch(from, Direction::Backwards, wanted);
  RC_ASSERT(backwards && std::ranges::equal(*backwards, behind | std::views::take(wanted)));
}

TEST(PostingList, ReportsEveryFlippedBit) {
  const auto postings = every(2, 700);
  StoredList stored(postings);
  for (std::size_t bit = 0; bit < stored.bytes.size() * 8; ++bit) {
    const auto mask = std::byte{1} << (bit % 8);
    stored.bytes[bit / 8] ^= mask;
    EXPECT_FALSE(stored.open()->verify()) << "bit " << bit;
    EXPECT_FALSE(stored.fetch(0, Direction::Forwards, postings.size())) << "bit " << bit;
    // What is asked of one chunk is right, or refused.
    const auto some = stored.fetch(600, Direction::Backwards, 3);
    EXPECT_TRUE(!some || *some == (Postings{600, 598, 596})) << "bit " << bit;
    stored.bytes[bit / 8] ^= mask;
  }
}

TEST(PostingList, ReportsATruncatedSection) {
  const auto postings = every(2, 700);
  const auto whole = StoredList(postings).bytes;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    StoredList stored(postings);
    stored.bytes.resize(size);
    EXPECT_FALSE(stored.fetch(0, Direction::Forwards, postings.size())) << size;
  }
}

TEST(PostingList, AlignsLists) {
  std::vector<std::byte> lists;
  EXPECT_EQ(append_list(lists, every(1, 70), kManyPostings, kSeed), 0U);
  ASSERT_NE(lists.size() % 4, 0U);
  EXPECT_EQ(append_list(lists, every(1, 70), kManyPostings, kSeed) % 4, 0U);
}

}  // namespace
}  // namespace eventstore::log
