#include "eventstore/event.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/event_generators_test_support.hpp"
#include "core/event_test_support.hpp"
#include "eventstore/append.hpp"
#include "eventstore/error.hpp"

namespace eventstore {
namespace {

Error error_of(ErrorCode code) {
  return {.code = code, .message = ""};
}

TEST(ErrorCode, HasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (unsigned code = 0; code <= static_cast<unsigned>(ErrorCode::Archived); ++code) {
    names.insert(to_string(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::Archived) + 1);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(ErrorCode::WrongExpectedVersion), "wrong_expected_version");
}

TEST(ErrorCode, IsRetryableWhereNothingNeedsToChange) {
  EXPECT_TRUE(error_of(ErrorCode::Overloaded).is_retryable());
  EXPECT_TRUE(error_of(ErrorCode::OutcomeUnknown).is_retryable());
  EXPECT_FALSE(error_of(ErrorCode::WrongExpectedVersion).is_retryable());
  EXPECT_FALSE(error_of(ErrorCode::Io).is_retryable());
}

TEST(PayloadFormat, IsReadAsItIsWritten) {
  for (const auto format : {PayloadFormat::Json, PayloadFormat::Binary}) {
    EXPECT_EQ(parse_payload_format(to_string(format)), format);
  }
  EXPECT_FALSE(parse_payload_format(""));
  EXPECT_FALSE(parse_payload_format("JSON"));
}

TEST(CategoryOf, EndsBeforeTheFirstDash) {
  EXPECT_EQ(category_of("order-7-a"), "order");
  EXPECT_EQ(category_of("order"), "order");
  EXPECT_EQ(category_of("-7"), "");
  EXPECT_EQ(category_of(""), "");
}

RC_GTEST_PROP(TagsView, GivesTheTagsInOrder, ()) {
  const auto tags = *rc::gen::container<std::vector<std::string>>(any_name());
  std::string encoded;
  append_encoded_tags(encoded, tags);
  const TagsView view(encoded);
  RC_ASSERT(std::ranges::equal(std::vector<std::string>(view.begin(), view.end()), tags));
  RC_ASSERT(view.size() == tags.size());
  RC_ASSERT(view.empty() == tags.empty());
  for (const auto& tag : tags) RC_ASSERT(view.contains(tag));
  RC_ASSERT(!view.contains("none of them"));
}

TEST(RecordedEvent, OwnsWhatTheViewShowed) {
  const NewEvent event{.stream = "order-1",
                       .type = "Placed",
                       .id = Uuid::parse("3b89feab-bfc1-5e0f-8b5a-f7195d5138fc"),
                       .data = "{}",
                       .metadata = "m",
                       .tags = {"a", "b"},
                       .schema_version = 3,
                       .occurred_at = Timestamp{std::chrono::microseconds(5)}};
  EventAsStored stored(event);
  stored.view().position = {7};
  stored.view().version = {2};
  stored.view().recorded_at = Timestamp{std::chrono::microseconds(6)};
  stored.view().last_of_append = true;
  const RecordedEvent recorded(stored.view());
  EXPECT_EQ(recorded.position, GlobalPosition{7});
  EXPECT_EQ(recorded.version, StreamVersion{2});
  EXPECT_EQ(recorded.id, *event.id);
  EXPECT_EQ(recorded.stream, event.stream);
  EXPECT_EQ(recorded.type, event.type);
  EXPECT_EQ(recorded.data, event.data);
  EXPECT_EQ(recorded.metadata, event.metadata);
  EXPECT_EQ(recorded.tags, event.tags);
  EXPECT_EQ(recorded.schema_version, 3U);
  EXPECT_EQ(recorded.occurred_at, event.occurred_at);
  EXPECT_EQ(recorded.recorded_at, stored.view().recorded_at);
  EXPECT_TRUE(recorded.last_of_append);
}

TEST(ExpectedVersion, HoldsForWhatItSays) {
  const StreamVersion none{0};
  const StreamVersion second{2};
  EXPECT_TRUE(ExpectedVersion::any().holds_for(none));
  EXPECT_TRUE(ExpectedVersion::any().holds_for(second));
  EXPECT_TRUE(ExpectedVersion::no_stream().holds_for(none));
  EXPECT_FALSE(ExpectedVersion::no_stream().holds_for(second));
  EXPECT_FALSE(ExpectedVersion::stream_exists().holds_for(none));
  EXPECT_TRUE(ExpectedVersion::stream_exists().holds_for(second));
  EXPECT_TRUE(ExpectedVersion::exactly(none).holds_for(none));
  EXPECT_TRUE(ExpectedVersion::exactly(second).holds_for(second));
  EXPECT_FALSE(ExpectedVersion::exactly(second).holds_for(none));
}

TEST(ExpectedVersion, HasAName) {
  EXPECT_EQ(ExpectedVersion::any().to_string(), "any");
  EXPECT_EQ(ExpectedVersion::no_stream().to_string(), "no_stream");
  EXPECT_EQ(ExpectedVersion::stream_exists().to_string(), "stream_exists");
  EXPECT_EQ(ExpectedVersion::exactly({12}).to_string(), "12");
}

}  // namespace
}  // namespace eventstore
