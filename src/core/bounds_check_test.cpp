#include "core/bounds_check.hpp"

#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace eventstore {
namespace {

// A store with streams "s", of ten events, and "t", of none. Of "s" the first six are older than
// any age.
class BoundsCheckTest : public testing::Test {
 protected:
  Result<void> add(std::string_view stream) { return check_.add(stream, nullptr); }
  Result<void> state(const StreamBounds& bounds, std::string_view stream = "s") {
    const StatedBounds stated{.stream = stream, .bounds = bounds};
    return check_.add("$$s", &stated);
  }
  Result<void> tombstone() {
    const StatedBounds stated{.stream = "s", .bounds = {}, .is_tombstone = true};
    return check_.add("s", &stated);
  }

  StreamBounds before_ = {};  // of "s"
  BoundsCheck check_{{
      .bounds_of = [this](std::string_view stream) -> Result<StreamBounds> {
        return stream == "s" ? before_ : StreamBounds{};
      },
      .last_version_of = [](std::string_view stream) -> Result<StreamVersion> {
        return StreamVersion{stream == "s" ? 10U : 0U};
      },
      .first_young = [](std::string_view, std::chrono::seconds) -> Result<StreamVersion> {
        return StreamVersion{7};
      },
  }};
};

ErrorCode code_of(const Result<void>& result) {
  return result ? ErrorCode::Io : result.error().code;
}

TEST_F(BoundsCheckTest, LetsBoundsGrow) {
  before_.truncate_before = {3};
  EXPECT_TRUE(state({.truncate_before = {3}}));
  EXPECT_TRUE(state({.truncate_before = {4}, .retention = {.max_count = 5}}));
  EXPECT_TRUE(state({.truncate_before = {4}, .retention = {.max_count = 4}}));
  EXPECT_EQ(check_.take_changes(),
            (BoundsCheck::Changes{{"s", {.truncate_before = {4}, .retention = {.max_count = 4}}}}));
}

TEST_F(BoundsCheckTest, RefusesToBringBackWhatIsTruncated) {
  before_.truncate_before = {3};
  const auto refused = state({.truncate_before = {2}});
  ASSERT_EQ(code_of(refused), ErrorCode::InvalidArgument);
  EXPECT_NE(refused.error().message.find("must be at least 3"), std::string::npos);
  EXPECT_EQ(code_of(state({})), ErrorCode::InvalidArgument);
}

TEST_F(BoundsCheckTest, RefusesToBringBackWhatACountHides) {
  before_.retention.max_count = 4;
  EXPECT_EQ(code_of(state({.retention = {.max_count = 5}})), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(state({.truncate_before = {6}})), ErrorCode::InvalidArgument);
  EXPECT_TRUE(state({.truncate_before = {7}}));
}

TEST_F(BoundsCheckTest, RefusesToBringBackWhatAnAgeHides) {
  before_.retention.max_age = std::chrono::seconds{60};
  EXPECT_EQ(
      code_of(state({.truncate_before = {6}, .retention = {.max_age = std::chrono::seconds{61}}})),
      ErrorCode::InvalidArgument);
  EXPECT_TRUE(state({.truncate_before = {7}, .retention = {.max_age = std::chrono::seconds{61}}}));
}

TEST_F(BoundsCheckTest, CountsTheEventsOfTheAppend) {
  EXPECT_EQ(code_of(state({.truncate_before = {12}})), ErrorCode::InvalidArgument);
  ASSERT_TRUE(add("s"));
  EXPECT_TRUE(state({.truncate_before = {12}}));
}

TEST_F(BoundsCheckTest, HoldsAgainstWhatTheAppendStatedEarlier) {
  ASSERT_TRUE(state({.truncate_before = {5}}));
  EXPECT_EQ(code_of(state({.truncate_before = {4}})), ErrorCode::InvalidArgument);
}

TEST_F(BoundsCheckTest, LetsNothingFollowATombstone) {
  ASSERT_TRUE(add("s"));
  ASSERT_TRUE(tombstone());
  EXPECT_EQ(code_of(add("s")), ErrorCode::StreamDeleted);
  EXPECT_EQ(code_of(tombstone()), ErrorCode::StreamDeleted);
  EXPECT_EQ(code_of(state({.truncate_before = {5}})), ErrorCode::StreamDeleted);
  EXPECT_TRUE(add("t"));
  EXPECT_EQ(check_.take_changes(), (BoundsCheck::Changes{{"s", {.tombstone = {12}}}}));
}

TEST_F(BoundsCheckTest, ChangesNothingByMetadataWithoutBounds) {
  EXPECT_TRUE(state({}, "t"));
  EXPECT_TRUE(check_.take_changes().empty());
}

TEST_F(BoundsCheckTest, PassesOnAFailure) {
  BoundsCheck failing({.bounds_of = [](std::string_view) -> Result<StreamBounds> {
                         return std::unexpected(
                             Error{.code = ErrorCode::Corruption, .message = "damaged"});
                       },
                       .last_version_of = {},
                       .first_young = {}});
  EXPECT_EQ(code_of(failing.add("s", nullptr)), ErrorCode::Corruption);
}

}  // namespace
}  // namespace eventstore
