#include "subscription/event_filter.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "eventstore/open.hpp"
#include "support/store_access.hpp"

namespace eventstore::subscription {
namespace {

using test::code_of;
using test::error_of;
using test::value_of;

Result<EventFilter> compiled(SubscriptionFilter filter) {
  return EventFilter::compile(std::move(filter));
}

EventView view_of(std::string_view stream, std::string_view type) {
  EventView event;
  event.stream = stream;
  event.type = type;
  return event;
}

TEST(EventFilter, MatchesPartsOfNamesByPattern) {
  const auto filter = value_of(compiled({.stream_pattern = "-[0-9]+$", .type_pattern = "^Order"}));
  EXPECT_TRUE(filter.has_patterns());
  EXPECT_TRUE(filter.matches(view_of("a-17", "OrderPlaced")));
  EXPECT_FALSE(filter.matches(view_of("a-17x", "OrderPlaced")));
  EXPECT_FALSE(filter.matches(view_of("a-17", "NoOrder")));
  EXPECT_FALSE(
      value_of(compiled({.type_pattern = "^Order$"})).matches(view_of("s", "OrderPlaced")));
}

TEST(EventFilter, MatchesCharactersAndNotBytes) {
  const auto filter = value_of(compiled({.stream_pattern = "^.$"}));
  EXPECT_TRUE(filter.matches(view_of("\xc3\xa9", "T")));
  EXPECT_TRUE(value_of(compiled({.stream_pattern = "^\\p{Lu}"})).matches(view_of("\xc3\x89", "T")));
}

TEST(EventFilter, RefusesWhatIsNoPattern) {
  for (const auto* const pattern : {"(", "[a", "a**", "(?<=a)b", "\\1", "\xff", "x{100000}"}) {
    const auto error = error_of(compiled({.stream_pattern = pattern}));
    EXPECT_EQ(error.code, ErrorCode::InvalidArgument) << pattern;
    EXPECT_NE(error.message.find("stream_pattern"), std::string::npos) << error.message;
    EXPECT_EQ(code_of(compiled({.type_pattern = pattern})), ErrorCode::InvalidArgument) << pattern;
  }
  EXPECT_NE(error_of(compiled({.type_pattern = "(a"})).message.find("missing )"),
            std::string::npos);
  const std::string longest(EventFilter::kPatternBytesMax, 'a');
  EXPECT_TRUE(compiled({.type_pattern = longest}).has_value());
  EXPECT_EQ(code_of(compiled({.type_pattern = longest + "a"})), ErrorCode::LimitExceeded);
}

TEST(EventFilter, RefusesWhatNoReadTakes) {
  EXPECT_EQ(code_of(compiled({.selector = Query{}})), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(compiled({.selector = SelectStream{""}})), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(compiled({.types = {""}})), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(compiled({.stream_prefix = "\n"})), ErrorCode::InvalidArgument);
}

// Names that share prefixes and categories, and some of the store's own.
rc::Gen<std::string> any_stream() {
  return rc::gen::element<std::string>("a", "a-1", "a-2", "ab", "ab-1", "b-", "-a", "$$a", "$$a-1",
                                       "$own-1");
}
rc::Gen<std::string> any_type() {
  return rc::gen::element<std::string>("A", "B", "AB", "$C");
}
rc::Gen<std::vector<std::string>> any_tags() {
  return rc::gen::resize(5, rc::gen::container<std::vector<std::string>>(
                                rc::gen::element<std::string>("x", "y", "z")));
}

Selector any_selector() {
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return SelectAll{};
    case 1:
      return SelectStream{*any_stream()};
    case 2:
      return SelectCategory{*rc::gen::element<std::string>("a", "ab", "b", "$$a", "$own")};
    case 3:
      return Query::everything();
    default:
      break;
  }
  std::vector<QueryItem> items;
  for (int count = *rc::gen::inRange(1, 4); count > 0; --count) {
    QueryItem item{.types = *rc::gen::container<std::vector<std::string>>(any_type()),
                   .tags = *any_tags()};
    if (item.types.empty() && item.tags.empty()) item.tags.emplace_back("x");
    items.push_back(std::move(item));
  }
  return Query::of(std::move(items));
}

SubscriptionFilter any_filter() {
  return {.selector = any_selector(),
          .types = *rc::gen::weightedOneOf<std::vector<std::string>>(
              {{2, rc::gen::just(std::vector<std::string>())},
               {1, rc::gen::container<std::vector<std::string>>(any_type())}}),
          .stream_prefix = *rc::gen::element<std::string>("", "", "a", "a-", "$"),
          .stream_pattern = *rc::gen::element<std::string>("", "", "-1$", "^a", "b|2"),
          .type_pattern = *rc::gen::element<std::string>("", "", "B", "^A$"),
          .include_system = *rc::gen::arbitrary<bool>()};
}

std::unique_ptr<EventStore> any_store() {
  auto store = value_of(open("memory:"));
  for (int count = *rc::gen::inRange(0, 40); count > 0; --count) {
    auto event = test::tagged_event_of(*any_stream(), *any_type(), *any_tags());
    if (!is_system_name(event.stream) && !is_system_name(event.type)) {
      value_of(store->append(AppendRequest{.events = {std::move(event)}}));
    } else {
      // Nobody else can append the store's own events.
      value_of(store->set_stream_metadata(*rc::gen::element<std::string>("a", "a-1", "own-1"), "{}",
                                          ExpectedVersion::any()));
    }
  }
  if (*rc::gen::arbitrary<bool>()) {
    value_of(store->tombstone_stream("a-2", ExpectedVersion::any()));
  }
  return store;
}

RC_GTEST_PROP(EventFilter, MatchesWhatAReadGives, ()) {
  const auto store = any_store();
  for (int count = 0; count < 10; ++count) {
    const auto filter = value_of(compiled(any_filter()));
    std::vector<std::uint64_t> read;
    std::vector<std::uint64_t> matched;
    const auto selected = value_of(store->read(filter.read_request()));
    for (;;) {
      const auto events = value_of(selected->next());
      if (events.empty()) break;
      for (const auto& event : events) {
        if (filter.matches_patterns(event)) read.push_back(event.position.value);
      }
    }
    const auto all = value_of(store->read({.include_system = true}));
    for (;;) {
      const auto events = value_of(all->next());
      if (events.empty()) break;
      for (const auto& event : events) {
        if (filter.matches(event)) matched.push_back(event.position.value);
      }
    }
    RC_ASSERT(read == matched);
  }
}

}  // namespace
}  // namespace eventstore::subscription
