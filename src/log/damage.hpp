#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "eventstore/event_store.hpp"
#include "eventstore/result.hpp"

namespace eventstore::log {

// The error for stored bytes that fail their checks: "FILE at byte N: what".
inline Error corruption(DamageDetails where, std::string_view what) {
  auto message = where.file + " at byte " + std::to_string(where.offset) + ": ";
  message.append(what);
  if (where.first_position.value != 0) {
    const bool is_one = where.first_position == where.last_position;
    message += is_one ? " (position " : " (positions ";
    message += std::to_string(where.first_position.value);
    if (!is_one) message += " to " + std::to_string(where.last_position.value);
    message += ')';
  }
  return Error{
      .code = ErrorCode::Corruption, .message = std::move(message), .details = std::move(where)};
}

// The error for a mapped file of which a page could not be read: see MappedAccess.
inline Error access_failed(const std::string& path) {
  return Error{.code = ErrorCode::Io,
               .message = path +
                          ": an access to the mapped file failed: it was cut short meanwhile, or "
                          "its device fails",
               .details = DamageDetails{.file = path}};
}

// What Segment::map() says of a file that is not there, for whoever has nothing else to look for in
// its place: damage. Any other error as it is.
inline Error lost_if_gone(Error error) {
  const auto* const where = std::get_if<DamageDetails>(&error.details);
  if (error.code != ErrorCode::NotFound || where == nullptr) return error;
  return corruption(
      *where,
      "the segment is missing; repair it from a copy (event-store maint repair --from COPY)");
}

inline Error error_of(const Finding& finding) {
  return Error{.code = ErrorCode::Corruption, .message = finding.message, .details = finding.where};
}

}  // namespace eventstore::log
