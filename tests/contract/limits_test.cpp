#include "eventstore/limits.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

using std::string_literals::operator""s;

class Limits : public EngineTest {
 protected:
  // Expects `request` to be refused by the limit `name`, and nothing written.
  void expect_refused(AppendRequest request, const std::string& name, std::size_t actual,
                      std::size_t allowed) {
    const auto head = value_of(store().head());
    const auto error = error_of(store().append(std::move(request)));
    EXPECT_EQ(error.code, ErrorCode::LimitExceeded) << error.message;
    EXPECT_FALSE(error.is_retryable());
    const auto details = details_of<LimitDetails>(error);
    EXPECT_EQ(details.limit, name);
    EXPECT_EQ(details.actual, actual);
    EXPECT_EQ(details.allowed, allowed);
    EXPECT_EQ(value_of(store().head()), head);
  }

  void expect_invalid(NewEvent event) {
    EXPECT_EQ(code_of(store().append({.events = {event_of("s"), std::move(event)}})),
              ErrorCode::InvalidArgument);
    EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Limits, testing::ValuesIn(all_engines()), engine_name);

const std::vector<std::string>& names_that_are_none() {
  static const std::vector<std::string> names = {
      ""s,         "a\nb"s, "a\0b"s,  "\x1f"s,     "\x7f"s,         "\xc2\x80"s,
      "\xc2\x9f"s, "\xff"s, "a\xc3"s, "\xc0\xaf"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s,
  };
  return names;
}

// An event of `size` bytes, as limits count them.
NewEvent event_of_size(std::size_t size) {
  NewEvent event{.stream = "s",
                 .type = "T",
                 .metadata = "meta",
                 .tags = {"tag"},
                 .format = PayloadFormat::Binary};
  event.data.assign(size - 1 - 1 - 4 - 3, 'x');
  return event;
}

TEST_P(Limits, OfStreamNames) {
  const std::string longest(kStreamNameBytesMax, 'n');
  value_of(store().append({.events = {event_of(longest)}}));
  EXPECT_EQ(read_stream(store(), longest).size(), 1u);
  expect_refused({.events = {event_of("s"), event_of(longest + "n")}}, "stream_name_bytes_max",
                 kStreamNameBytesMax + 1, kStreamNameBytesMax);
}

TEST_P(Limits, OfEventTypes) {
  const std::string longest(kEventTypeBytesMax, 't');
  value_of(store().append({.events = {event_of("s", longest)}}));
  EXPECT_EQ(read_events(store()).at(0).type, longest);
  expect_refused({.events = {event_of("s", longest + "t")}}, "event_type_bytes_max",
                 kEventTypeBytesMax + 1, kEventTypeBytesMax);
}

TEST_P(Limits, OfTags) {
  const std::string longest(kTagBytesMax, 't');
  value_of(store().append({.events = {tagged_event_of("s", "T", {longest})}}));
  EXPECT_EQ(read_events(store(), {.selector = Query::of({{.tags = {longest}}})}).size(), 1u);
  expect_refused({.events = {tagged_event_of("s", "T", {longest + "t"})}}, "tag_bytes_max",
                 kTagBytesMax + 1, kTagBytesMax);
}

TEST_P(Limits, OfTheNumberOfTags) {
  std::vector<std::string> tags;
  for (std::size_t index = 0; index < kTagsPerEventMax; ++index) {
    std::string tag(kTagBytesMax, 't');
    tag.replace(0, 2, std::to_string(10 + index));
    tags.push_back(tag);
  }
  value_of(store().append({.events = {tagged_event_of("s", "T", tags)}}));
  EXPECT_EQ(read_events(store()).at(0).tags, tags);
  tags.emplace_back("one more");
  expect_refused({.events = {tagged_event_of("s", "T", tags)}}, "tags_per_event_max",
                 kTagsPerEventMax + 1, kTagsPerEventMax);
}

TEST_P(Limits, OfTheSizeOfAnEvent) {
  NewEvent largest = event_of_size(kEventBytesMax);
  const std::string data = largest.data;
  value_of(store().append({.events = {std::move(largest)}}));
  EXPECT_TRUE(read_events(store()).at(0).data == data);
  expect_refused({.events = {event_of("s"), event_of_size(kEventBytesMax + 1)}}, "event_bytes_max",
                 kEventBytesMax + 1, kEventBytesMax);
}

TEST_P(Limits, OfTheSizeOfAnAppend) {
  AppendRequest request;
  for (std::size_t size = 0; size < kAppendBytesMax; size += kEventBytesMax) {
    request.events.push_back(event_of_size(kEventBytesMax));
  }
  const auto result = value_of(store().append(request));
  EXPECT_EQ(result.last_position.value, kAppendBytesMax / kEventBytesMax);
  const auto last = read_events(store(), {.direction = Direction::Backwards, .limit = 1}).at(0);
  EXPECT_TRUE(last.data == request.events.back().data);

  request.events.push_back(event_of_size(10));
  expect_refused(std::move(request), "append_bytes_max", kAppendBytesMax + 10, kAppendBytesMax);
}

TEST_P(Limits, RefuseNamesThatAreNotTextWithoutControlCharacters) {
  for (const auto& name : names_that_are_none()) {
    expect_invalid(event_of(name));
    expect_invalid(event_of("s", name));
    expect_invalid(tagged_event_of("s", "T", {"fine", name}));
  }
}

TEST_P(Limits, HoldForChecksAndConditions) {
  const std::string long_name(kStreamNameBytesMax + 1, 'n');
  expect_refused({.checks = {{long_name, ExpectedVersion::any()}}}, "stream_name_bytes_max",
                 kStreamNameBytesMax + 1, kStreamNameBytesMax);
  expect_refused({.condition = AppendCondition{Query::of({{.types = {long_name}}}), {0}}},
                 "event_type_bytes_max", kEventTypeBytesMax + 1, kEventTypeBytesMax);
  expect_refused({.condition = AppendCondition{Query::of({{.tags = {long_name}}}), {0}}},
                 "tag_bytes_max", kStreamNameBytesMax + 1, kTagBytesMax);
}

TEST_P(Limits, HoldForReads) {
  const std::string long_name(kStreamNameBytesMax + 1, 'n');
  const auto refused = [&](ReadRequest request) {
    const auto error = error_of(try_read(store(), std::move(request)));
    EXPECT_EQ(error.code, ErrorCode::LimitExceeded) << error.message;
  };
  refused({.selector = SelectStream{long_name}});
  refused({.selector = SelectCategory{long_name}});
  refused({.selector = Query::of({{.types = {long_name}}})});
  refused({.types = {long_name}});
  refused({.stream_prefix = long_name});
}

}  // namespace
}  // namespace eventstore::test
