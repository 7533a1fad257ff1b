#include "subscription/group_settings.hpp"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/store_access.hpp"

namespace eventstore::subscription {
namespace {

using test::code_of;
using test::value_of;

// A settings text says all that there is but the start.
std::string text_of(const ConsumerGroupSettings& settings) {
  return to_json(settings);
}

TEST(GroupSettings, AreReadAsTheyWereWritten) {
  const std::vector<Selector> selectors = {
      SelectAll{}, SelectStream{"order-1"}, SelectCategory{"Gr\xc3\xbc\xc3\x9f\""},
      Query::everything(),
      Query::of({{.types = {"A", "B"}, .tags = {"x:1"}}, {.types = {}, .tags = {"y"}}})};
  for (const auto& selector : selectors) {
    const ConsumerGroupSettings settings{.filter = {.selector = selector,
                                                    .types = {"T"},
                                                    .stream_prefix = "order-",
                                                    .stream_pattern = "^o",
                                                    .type_pattern = "d$",
                                                    .include_system = true},
                                         .key_tag_prefix = "customer:",
                                         .attempts_max = 7,
                                         .when_exhausted = NackAction::Stop,
                                         .pause_min = std::chrono::milliseconds(3),
                                         .pause_max = std::chrono::milliseconds(4),
                                         .holds_behind_parked = true,
                                         .answer_within = std::chrono::milliseconds(5),
                                         .lease = std::chrono::milliseconds(600)};
    const auto text = text_of(settings);
    const auto read = value_of(parse_group_settings(text));
    EXPECT_EQ(text_of(read), text);
    EXPECT_EQ(read.filter.selector.index(), selector.index());
    EXPECT_EQ(read.attempts_max, 7U);
    EXPECT_EQ(read.when_exhausted, NackAction::Stop);
  }
}

TEST(GroupSettings, ThatCannotBeReadAreCorruption) {
  for (const auto* text : {"", "{", "[]", "{}", "null", R"({"attempts_max":"x"})"}) {
    EXPECT_EQ(code_of(parse_group_settings(text)), ErrorCode::Corruption) << text;
  }
  auto broken = text_of({});
  broken.replace(broken.find("park"), 4, "pork");
  EXPECT_EQ(code_of(parse_group_settings(broken)), ErrorCode::Corruption);
}

TEST(GroupSettings, OutOfBoundsAreRefused) {
  using std::chrono::milliseconds;
  EXPECT_TRUE(validate_group_settings({}));
  const std::vector<ConsumerGroupSettings> wrong = {
      {.attempts_max = 0},
      {.when_exhausted = NackAction::Retry},
      {.pause_min = milliseconds(-1)},
      {.pause_min = milliseconds(2), .pause_max = milliseconds(1)},
      {.pause_max = std::chrono::hours(24 * 366)},
      {.answer_within = milliseconds(0)},
      {.lease = milliseconds(99)},
      {.key_tag_prefix = "\xff"}};
  for (const auto& settings : wrong) {
    EXPECT_EQ(code_of(validate_group_settings(settings)), ErrorCode::InvalidArgument);
  }
}

TEST(GroupSettings, SayWhatOthersThereAre) {
  const ConsumerGroupSettings there{.filter = {.selector = SelectCategory{"order"}, .types = {"A"}},
                                    .start = AfterPosition{{3}}};
  EXPECT_EQ(other_settings(there, there), "");
  auto asked = there;
  asked.filter = {.types = {"A"}, .stream_prefix = "o"};
  asked.attempts_max = 9;
  asked.when_exhausted = NackAction::Stop;
  EXPECT_EQ(other_settings(there, asked),
            R"(selector is {"category":"order"}, stream_prefix is "", attempts_max is 5, )"
            R"(when_exhausted is "park")");
}

TEST(GroupSettings, CompareStartsThatMeanTheSamePlaceEachTime) {
  const ConsumerGroupSettings there{.start = AfterPosition{{3}}};
  const ConsumerGroupSettings from_first{.start = AfterPosition{{0}}};
  EXPECT_EQ(other_settings(there, {.start = FromEnd{}}), "");
  EXPECT_EQ(other_settings(there, {.start = SinceTime{}}), "");
  EXPECT_EQ(other_settings(there, {.start = FromStart{}}), "start_position is 3");
  EXPECT_EQ(other_settings(there, {.start = AfterPosition{{4}}}), "start_position is 3");
  EXPECT_EQ(other_settings(from_first, {.start = FromStart{}}), "");
}

TEST(GroupSettings, TakeTheKeyFromTheFirstTagThatHasThePrefix) {
  RecordedEvent event;
  event.stream = "order-1";
  event.tags = {"region:eu", "customer:17", "customer:18"};
  EXPECT_EQ(key_of(event, {}), "order-1");
  EXPECT_EQ(key_of(event, {.key_tag_prefix = "customer:"}), "17");
  EXPECT_EQ(key_of(event, {.key_tag_prefix = "product:"}), "order-1");
}

// What is stored is of buckets: where a key is may never change.
TEST(GroupSettings, LeaveAKeyInItsBucketForEver) {}

TEST(GroupSettings, SpreadKeysEvenly) {
  std::map<std::uint32_t, int> counts;
  for (int key = 0; key < 102'400; ++key) ++counts[bucket_of("order-" + std::to_string(key))];
  ASSERT_EQ(counts.size(), ConsumerGroups::kBuckets);
  for (const auto& [bucket, count] : counts) {
    EXPECT_GT(count, 50) << bucket;
    EXPECT_LT(count, 160) << bucket;
  }
}

}  // namespace
}  // namespace eventstore::subscription
