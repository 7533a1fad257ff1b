#include "core/append_errors.hpp"

#include <string>
#include <variant>

#include <gtest/gtest.h>

namespace eventstore {
namespace {

std::string message_of(const ExpectedVersion& expected, StreamVersion actual,
                       bool is_deleted = false) {
  return version_conflict({.stream = "s", .expected = expected}, actual, is_deleted).message;
}

TEST(AppendErrors, SayWhatAVersionWasExpectedToBeAndWhatItIs) {
  EXPECT_EQ(message_of(ExpectedVersion::no_stream(), {3}),
            "stream \"s\" was expected not to exist, but is at version 3");
  EXPECT_EQ(message_of(ExpectedVersion::stream_exists(), {0}),
            "stream \"s\" was expected to exist, but is not there");
  EXPECT_EQ(message_of(ExpectedVersion::exactly({2}), {3}, true),
            "stream \"s\" was expected at version 2, but is deleted, its last event at version 3");
}

TEST(AppendErrors, CarryWhatACallerNeedsInOrderToGoOn) {
  const auto version =
      version_conflict({.stream = "s", .expected = ExpectedVersion::exactly({2})}, {3}, false);
  EXPECT_EQ(version.code, ErrorCode::WrongExpectedVersion);
  const auto& conflict = std::get<VersionConflict>(version.details);
  EXPECT_EQ(conflict.stream, "s");
  EXPECT_EQ(conflict.expected, "2");
  EXPECT_EQ(conflict.actual.value, 3);

  const auto id = id_conflict("s", Uuid{}, {7});
  EXPECT_EQ(id.code, ErrorCode::EventIdConflict);
  EXPECT_EQ(std::get<IdConflict>(id.details).stream, "s");
  EXPECT_EQ(std::get<IdConflict>(id.details).position.value, 7);

  const auto failed = condition_failed({.query = {}, .after = {5}}, {6});
  EXPECT_EQ(failed.code, ErrorCode::AppendConditionFailed);
  EXPECT_EQ(std::get<ConditionConflict>(failed.details).position.value, 6);
  EXPECT_NE(failed.message.find("at position 6, after position 5"), std::string::npos);

  const auto deleted = stream_deleted("s");
  EXPECT_EQ(deleted.code, ErrorCode::StreamDeleted);
  EXPECT_EQ(std::get<DeletedStream>(deleted.details).stream, "s");
}

TEST(AppendErrors, NameTheHeadThatAConditionIsBeyond) {
  const auto error = condition_beyond_head({.query = {}, .after = {5}}, {4});
  EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
  EXPECT_NE(error.message.find("after position 5, but the store's head is 4"), std::string::npos);
}

}  // namespace
}  // namespace eventstore
