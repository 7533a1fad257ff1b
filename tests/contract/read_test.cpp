#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"
#include "support/model.hpp"

namespace eventstore::test {
namespace {

using std::string_literals::operator""s;

// A store and a model with the same events: several categories, streams of several lengths, the
// store's own among them, tags that overlap, all in segments as small as can be.
class Read : public EngineTest {
 protected:
  void SetUp() override {
    reopen({.segment_bytes_max = 64 << 10});
    for (std::size_t round = 0; round < 60; ++round) append(round);
  }

  void append(std::size_t round) {
    static const std::vector<std::string> streams = {"a-1", "a-2", "b-1", "b", "$own-1", "-", "a"};
    AppendRequest request{.system = true};
    for (std::size_t index = 0; index < 1 + round % 4; ++index) {
      const auto mixed = round * 7 + index * 3;
      NewEvent event = tagged_event_of(streams[mixed % streams.size()],
                                       mixed % 11 == 0 ? "$T" : "T" + std::to_string(mixed % 3),
                                       {"x:" + std::to_string(mixed % 2)});
      if (mixed % 5 == 0) event.tags.emplace_back("y");
      event.data = '"' + std::string(round % 3 * 1500, 'd') + '"';
      request.events.push_back(std::move(event));
    }
    const auto expected = model_.apply(request);
    ASSERT_EQ(difference(expected, store().append(request)), std::nullopt);
  }

  // Compares a read, and the same read with copies, with the model's.
  void expect_as_model(ReadRequest request, const std::string& what) {
    const auto expected = value_of(model_.read(request));
    for (const bool copy : {false, true}) {
      request.copy = copy;
      const auto actual = value_of(try_read(store(), request));
      EXPECT_EQ(difference(expected, actual.events), std::nullopt) << what;
      EXPECT_EQ(actual.head, model_.head()) << what;
    }
  }

  // Tries each selector with `request`'s other fields, in both directions.
  void expect_as_model_for_each_selector(ReadRequest request, const std::string& what) {
    const std::vector<Selector> selectors = {
        SelectAll{},
        SelectStream{"a-1"},
        SelectStream{"$own-1"},
        SelectStream{"absent"},
        SelectCategory{"a"},
        SelectCategory{"b"},
        SelectCategory{""},
        SelectCategory{"$own"},
        SelectCategory{"absent"},
        Query::everything(),
        Query::of({{.types = {"T1"}}}),
        Query::of({{.tags = {"x:1", "y"}}}),
        Query::of({{.types = {"T0", "T2"}, .tags = {"x:0"}}}),
        Query::of({{.types = {"T1"}}, {.tags = {"y"}}, {.types = {"absent"}}}),
    };
    for (std::size_t index = 0; index < selectors.size(); ++index) {
      request.selector = selectors[index];
      for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
        request.direction = direction;
        expect_as_model(request, what + ", selector " + std::to_string(index) +
                                     (direction == Direction::Forwards ? "" : ", backwards"));
      }
    }
  }

  Model model_;
};
INSTANTIATE_TEST_SUITE_P(Engines, Read, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Read, GivesWhatItSelects) {
  expect_as_model_for_each_selector({}, "whole");
  expect_as_model_for_each_selector({.include_system = true}, "with the store's own");
}

TEST_P(Read, StartsAndEndsWhereItIsTold) {
  const std::vector<std::optional<std::uint64_t>> bounds = {
      std::nullopt, 0, 1, 2, 15, 77, model_.head().value, model_.head().value + 1, UINT64_MAX};
  for (const auto& from : bounds) {
    for (const auto& to : bounds) {
      expect_as_model_for_each_selector({.from = from, .to = to},
                                        "from " + (from ? std::to_string(*from) : "-") + " to " +
                                            (to ? std::to_string(*to) : "-"));
    }
  }
}

TEST_P(Read, EndsAtItsLimit) {
  for (const std::uint64_t limit :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{5}, std::uint64_t{1000}, UINT64_MAX}) {
    const auto what = "limit " + std::to_string(limit);
    expect_as_model_for_each_selector({.limit = limit}, what);
    expect_as_model_for_each_selector({.from = 20, .limit = limit}, what + " from 20");
    expect_as_model_for_each_selector({.limit = limit, .include_system = true}, what + ", own too");
  }
}

TEST_P(Read, KeepsToTheTypesItIsTold) {
  const std::vector<std::vector<std::string>> filters = {
      {"T0"}, {"T1", "T2"}, {"$T"}, {"absent"}, {"T0", "$T", "T0"}};
  for (const auto& types : filters) {
    expect_as_model_for_each_selector({.types = types}, "type " + types.front());
    expect_as_model_for_each_selector({.limit = 7, .types = types, .include_system = true},
                                      "7 of type " + types.front());
  }
}

TEST_P(Read, KeepsToTheStreamPrefixItIsTold) {
  for (const char* prefix : {"a", "a-", "a-1", "a-1-", "b", "-", "$", "$own-1", "zzz"}) {
    expect_as_model_for_each_selector({.stream_prefix = prefix}, "prefix "s + prefix);
    expect_as_model_for_each_selector({.from = 50,
                                       .limit = 9,
                                       .types = {"T0", "T1"},
                                       .stream_prefix = prefix,
                                       .include_system = true},
                                      "9 from 50 with prefix "s + prefix);
  }
}

TEST_P(Read, BackwardsIsForwardsReversed) {
  auto backwards = read_events(store(), {.direction = Direction::Backwards});
  std::ranges::reverse(backwards);
  EXPECT_EQ(backwards, read_events(store()));
}

TEST_P(Read, WithLimitZeroGivesTheHeadAlone) {
  const auto outcome = value_of(try_read(store(), {.limit = 0}));
  EXPECT_TRUE(outcome.events.empty());
  EXPECT_EQ(outcome.head, model_.head());
}

TEST_P(Read, OfAnAbsentStreamIsEmptyAndNoError) {
  const auto outcome = value_of(try_read(store(), {.selector = SelectStream{"absent-1"}}));
  EXPECT_TRUE(outcome.events.empty());
  EXPECT_EQ(outcome.head, model_.head());
}

TEST_P(Read, TakesTheCategoryFromBeforeTheFirstDash) {
  value_of(
      store().append({.events = {event_of("cat"), event_of("cat-1"), event_of("cat-1-2"),
                                 event_of("cats-1"), event_of("catalogue"), event_of("-cat")}}));
  std::vector<std::string> streams;
  for (const auto& event : read_events(store(), {.selector = SelectCategory{"cat"}})) {
    streams.push_back(event.stream);
  }
  EXPECT_EQ(streams, (std::vector<std::string>{"cat", "cat-1", "cat-1-2"}));
}

TEST_P(Read, OfWhatCannotBeSelectedIsRefused) {
  const auto code = [&](ReadRequest request) { return code_of(try_read(store(), request)); };
  EXPECT_EQ(code({.selector = SelectStream{""}}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code({.selector = SelectStream{"a\nb"}}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code({.selector = SelectCategory{"a-1"}}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code({.selector = Query{}}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code({.selector = Query::of({QueryItem{}})}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code({.types = {""}}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code({.direction = static_cast<Direction>(7)}), ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace eventstore::test
