#include "core/append_errors.hpp"

#include <string>

namespace eventstore {

Error id_conflict(std::string_view stream, const Uuid& id, GlobalPosition position) {
  return {.code = ErrorCode::EventIdConflict,
          .message = "event id " + id.to_string() + " is already in stream \"" +
                     std::string(stream) + "\" at position " + std::to_string(position.value) +
                     ", but the append as a whole is not: some of its events are new or in another "
                     "order; append only what is missing",
          .details = IdConflict{.stream = std::string(stream), .id = id, .position = position}};
}

Error version_conflict(const StreamCheck& check, StreamVersion actual, bool is_deleted) {
  const auto at_version = [](StreamVersion version) {
    return "at version " + std::to_string(version.value);
  };
  const auto kind = check.expected.kind();
  const auto expected = kind == ExpectedVersion::Kind::NoStream ? "not to exist"
                        : kind == ExpectedVersion::Kind::StreamExists
                            ? "to exist"
                            : at_version(check.expected.version());
  const auto found = actual.value == 0 ? "not there"
                     : is_deleted      ? "deleted, its last event " + at_version(actual)
                                       : at_version(actual);
  return {
      .code = ErrorCode::WrongExpectedVersion,
      .message = "stream \"" + check.stream + "\" was expected " + expected + ", but is " + found,
      .details = VersionConflict{
          .stream = check.stream, .expected = check.expected.to_string(), .actual = actual}};
}

Error condition_beyond_head(const AppendCondition& condition, GlobalPosition head) {
  return {.code = ErrorCode::InvalidArgument,
          .message = "the append condition is about events after position " +
                     std::to_string(condition.after.value) + ", but the store's head is " +
                     std::to_string(head.value) + "; pass the head that the read reported"};
}

Error condition_failed(const AppendCondition& condition, GlobalPosition match) {
  return {.code = ErrorCode::AppendConditionFailed,
          .message = "an event that matches the append condition is at position " +
                     std::to_string(match.value) + ", after position " +
                     std::to_string(condition.after.value) + "; read again and decide anew",
          .details = ConditionConflict{.position = match}};
}

Error stream_deleted(std::string_view stream) {
  return {.code = ErrorCode::StreamDeleted,
          .message = "stream \"" + std::string(stream) +
                     "\" was deleted for ever: it takes no events; use another name",
          .details = DeletedStream{.stream = std::string(stream)}};
}

}  // namespace eventstore
