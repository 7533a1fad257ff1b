#include "log/posting_iterator.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "eventstore/query.hpp"
#include "log/posting_sections.hpp"
#include "log/posting_test_generators.hpp"
#include "log/posting_test_support.hpp"

namespace eventstore::log {
namespace {

using Postings = std::vector<Posting>;
using Part = std::unique_ptr<PostingIterator>;

rc::Gen<Direction> directions() {
  return rc::gen::element(Direction::Forwards, Direction::Backwards);
}

// A posting file with one list for each of `lists`: the tags "0", "1", ...
class Lists {
 public:
  explicit Lists(const std::vector<Postings>& lists) {
    PostingModel model;
    for (const auto& list : lists) {
      if (list.empty()) continue;
      if (list.back() >= model.offsets.size()) model.offsets.resize(list.back() + 1, 64);
      model.keys[{KeyKind::Tag, std::to_string(&list - lists.data())}] = list;
    }
    file_ = *open_bytes(model.encode());
  }

  Part iterate(std::size_t list, Direction direction) const {
    const auto entry = *file_->find(PostingModel::key_of({KeyKind::Tag, std::to_string(list)}));
    return entry ? iterate_list(*file_, *entry, direction) : unite({}, direction);
  }

  std::vector<Part> iterate_each(std::size_t count, Direction direction) const {
    std::vector<Part> parts;
    parts.reserve(count);
    for (std::size_t i = 0; i < count; ++i) parts.push_back(iterate(i, direction));
    return parts;
  }

 private:
  std::unique_ptr<PostingFile> file_;
};

rc::Gen<std::vector<Postings>> posting_lists() {
  return rc::gen::map(rc::gen::arbitrary<std::uint32_t>(), [](std::uint32_t seed) {
    std::minstd_rand random(seed);
    Postings universe(1 + random() % 1500);
    // Far apart, no list is dense.
    const std::array<Posting, 4> steps = {1, 2, 3, 50};
    for (Posting i = 0; i < universe.size(); ++i) universe[i] = i * steps.at(seed % steps.size());
    std::vector<Postings> lists(1 + random() % 5);
    for (auto& list : lists) {
      if (random() % 20 != 0) list = some_of(universe, random);
    }
    return lists;
  });
}

// Seeks from the first posting in walking direction, then always right behind the last one found.
Postings walk(PostingIterator& iterator, Direction direction) {
  const bool forwards = direction == Direction::Forwards;
  Postings walked;
  Posting from = forwards ? 0 : std::numeric_limits<Posting>::max();
  while (const auto posting = *iterator.seek(from)) {
    walked.push_back(*posting);
    if (!forwards && *posting == 0) break;
    from = forwards ? *posting + 1 : *posting - 1;
  }
  return walked;
}

Postings in_direction(Postings ascending, Direction direction) {
  if (direction == Direction::Backwards) std::ranges::reverse(ascending);
  return ascending;
}

Postings intersection_of(const std::vector<Postings>& lists) {
  Postings common = lists.front();
  for (const auto& list : lists) {
    Postings next;
    std::ranges::set_intersection(common, list, std::back_inserter(next));
    common = next;
  }
  return common;
}

Postings union_of(const std::vector<Postings>& lists) {
  Postings all;
  for (const auto& list : lists) {
    Postings next;
    std::ranges::set_union(all, list, std::back_inserter(next));
    all = next;
  }
  return all;
}

// Seeks by random steps, of which some are zero and some are large, and compares with `ascending`.
void check_seeks(PostingIterator& iterator, const Postings& ascending, Direction direction) {
  const bool forwards = direction == Direction::Forwards;
  const auto span = ascending.empty() ? 10 : ascending.back() + 10;
  Posting travelled = 0;
  while (travelled <= span) {
    const Posting from = forwards ? travelled : span - travelled;
    std::optional<Posting> expected;
    if (forwards) {
      const auto found = std::ranges::lower_bound(ascending, from);
      if (found != ascending.end()) expected = *found;
    } else {
      const auto end = std::ranges::upper_bound(ascending, from);
      if (end != ascending.begin()) expected = *std::prev(end);
    }
    const auto sought = iterator.seek(from);
    RC_ASSERT(sought.has_value());
    RC_ASSERT(*sought == expected);
    const auto step_max = *rc::gen::element<Posting>(1, 3, 20, 700);
    travelled += *rc::gen::resize(100, rc::gen::inRange<Posting>(0, step_max + 1));
  }
}

RC_GTEST_PROP(PostingIterator, WalksAList, ()) {
  const auto lists = *posting_lists();
  const auto direction = *directions();
  const Lists stored(lists);
  RC_ASSERT(walk(*stored.iterate(0, direction), direction) == in_direction(lists[0], direction));
  check_seeks(*stored.iterate(0, direction), lists[0], direction);
}

RC_GTEST_PROP(PostingIterator, Intersects, ()) {
  const auto lists = *posting_lists();
  const auto direction = *directions();
  const Lists stored(lists);
  const auto make = [&] {
    return intersect(stored.iterate_each(lists.size(), direction), direction);
  };
  const auto expected = intersection_of(lists);
  RC_ASSERT(walk(*make(), direction) == in_direction(expected, direction));
  check_seeks(*make(), expected, direction);
}

RC_GTEST_PROP(PostingIterator, Unites, ()) {
  const auto lists = *posting_lists();
  const auto direction = *directions();
  const Lists stored(lists);
  const auto make = [&] { return unite(stored.iterate_each(lists.size(), direction), direction); };
  const auto expected = union_of(lists);
  RC_ASSERT(walk(*make(), direction) == in_direction(expected, direction));
  check_seeks(*make(), expected, direction);
}

RC_GTEST_PROP(PostingIterator, IntersectsUnions, ()) {
  const auto lists = *posting_lists();
  const auto direction = *directions();
  const Lists stored(lists);
  std::vector<Part> parts;
  parts.push_back(unite(stored.iterate_each(lists.size(), direction), direction));
  parts.push_back(stored.iterate(lists.size() - 1, direction));
  RC_ASSERT(walk(*intersect(std::move(parts), direction), direction) ==
            in_direction(lists.back(), direction));
}

TEST(PostingIterator, WalksARange) {
  const Postings expected = {0, 1, 2, 3};
  for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
    EXPECT_EQ(walk(*iterate_range(3, direction), direction), in_direction(expected, direction));
  }
}

TEST(PostingIterator, FindsNothingInAUnionOfNothing) {
  EXPECT_EQ(*unite({}, Direction::Forwards)->seek(0), std::nullopt);
}

// Of a list in chunks and of a dense one, beside one that is sound.
TEST(PostingIterator, PassesDamageOn) {
  PostingModel model;
  model.offsets.assign(100'000, 64);
  for (Posting posting = 0; posting < 100'000; ++posting) {
    model.keys[{KeyKind::Tag, "all"}].push_back(posting);
    if (posting % 100 == 0) model.keys[{KeyKind::Tag, "some"}].push_back(posting);
  }
  auto bytes = model.encode();
  const auto lists = *open_bytes(bytes);
  const auto lists_at = lists->sections().lists.file_offset;
  const auto all = **lists->find(PostingModel::key_of({KeyKind::Tag, "all"}));
  const auto some = **lists->find(PostingModel::key_of({KeyKind::Tag, "some"}));
  ASSERT_TRUE(lists->is_dense(all));
  ASSERT_FALSE(lists->is_dense(some));

  for (const auto& damaged : {all, some}) {
    for (const bool is_alone : {true, false}) {
      auto changed = bytes;
      changed[lists_at + damaged.list + 100] ^= std::byte{1};
      const auto file = *open_bytes(changed);
      std::vector<Part> parts;
      parts.push_back(iterate_list(*file, damaged, Direction::Forwards));
      if (!is_alone) {
        parts.push_back(
            iterate_list(*file, damaged.list == all.list ? some : all, Direction::Forwards));
        std::ranges::reverse(parts);
      }
      const auto iterator = intersect(std::move(parts), Direction::Forwards);
      bool failed = false;
      for (Posting from = 0; from < 100'000 && !failed; from += 50) {
        const auto sought = iterator->seek(from);
        failed = !sought && sought.error().code == ErrorCode::Corruption;
      }
      EXPECT_TRUE(failed) << damaged.list << (is_alone ? " alone" : "");
    }
  }
}

class PostingQuery : public ::testing::Test {
 protected:
  PostingQuery() {
    model_.offsets.assign(40, 64);
    model_.keys[{KeyKind::Type, "Opened"}] = {0, 10, 20, 30};
    model_.keys[{KeyKind::Type, "Closed"}] = {9, 19, 29};
    model_.keys[{KeyKind::Tag, "eu"}] = {0, 9, 10, 29, 30};
    model_.keys[{KeyKind::Tag, "gold"}] = {9, 10, 11, 30};
    file_ = *open_bytes(model_.encode());
  }

  Postings select(const Query& query, Direction direction = Direction::Forwards) const {
    const auto secret = test_identity().secret;
    return walk(**iterate_query(*file_, query, secret, 39, direction), direction);
  }

  PostingModel model_;
  std::unique_ptr<PostingFile> file_;
};

TEST_F(PostingQuery, SelectsAnyOfTheTypes) {
  EXPECT_EQ(select(Query::of({{.types = {"Opened", "Closed", "Lost"}}})),
            (Postings{0, 9, 10, 19, 20, 29, 30}));
}

TEST_F(PostingQuery, SelectsAllOfTheTags) {
  EXPECT_EQ(select(Query::of({{.tags = {"eu", "gold"}}})), (Postings{9, 10, 30}));
  EXPECT_EQ(select(Query::of({{.tags = {"eu", "silver"}}})), Postings{});
}

TEST_F(PostingQuery, SelectsTypesWithTags) {
  const auto query = Query::of({{.types = {"Opened"}, .tags = {"eu", "gold"}}});
  EXPECT_EQ(select(query), (Postings{10, 30}));
  EXPECT_EQ(select(query, Direction::Backwards), (Postings{30, 10}));
  EXPECT_EQ(select(Query::of({{.types = {"Lost"}, .tags = {"eu"}}})), Postings{});
}

TEST_F(PostingQuery, SelectsWhatAnyItemMatches) {
  EXPECT_EQ(select(Query::of({{.types = {"Closed"}}, {.tags = {"gold"}}, {.types = {"Lost"}}})),
            (Postings{9, 10, 11, 19, 29, 30}));
}

TEST_F(PostingQuery, SelectsEverything) {
  EXPECT_EQ(select(Query::everything()).size(), 40U);
  EXPECT_EQ(select(Query::of({})), Postings{});
}

}  // namespace
}  // namespace eventstore::log
