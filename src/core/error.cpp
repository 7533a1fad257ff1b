#include "eventstore/error.hpp"

namespace eventstore {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return "invalid_argument";
    case ErrorCode::LimitExceeded:
      return "limit_exceeded";
    case ErrorCode::WrongExpectedVersion:
      return "wrong_expected_version";
    case ErrorCode::AppendConditionFailed:
      return "append_condition_failed";
    case ErrorCode::EventIdConflict:
      return "event_id_conflict";
    case ErrorCode::StreamDeleted:
      return "stream_deleted";
    case ErrorCode::NotFound:
      return "not_found";
    case ErrorCode::NotAStore:
      return "not_a_store";
    case ErrorCode::UnsupportedFormat:
      return "unsupported_format";
    case ErrorCode::StoreLocked:
      return "store_locked";
    case ErrorCode::ReadOnly:
      return "read_only";
    case ErrorCode::Corruption:
      return "corruption";
    case ErrorCode::NoSpace:
      return "no_space";
    case ErrorCode::OutOfResources:
      return "out_of_resources";
    case ErrorCode::Io:
      return "io";
    case ErrorCode::OutcomeUnknown:
      return "outcome_unknown";
    case ErrorCode::Overloaded:
      return "overloaded";
    case ErrorCode::DeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::Cancelled:
      return "cancelled";
    case ErrorCode::Closed:
      return "closed";
    case ErrorCode::Unsupported:
      return "unsupported";
    case ErrorCode::Unavailable:
      return "unavailable";
    case ErrorCode::Archived:
      return "archived";
  }
  return "unknown";
}

bool Error::is_retryable() const {
  switch (code) {
    case ErrorCode::Overloaded:
    case ErrorCode::StoreLocked:
    case ErrorCode::NoSpace:
    case ErrorCode::OutOfResources:
    case ErrorCode::Unavailable:
    case ErrorCode::DeadlineExceeded:
    case ErrorCode::OutcomeUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace eventstore
