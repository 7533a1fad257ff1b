#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "eventstore/result.hpp"

namespace eventstore::postgres {

// SQLSTATEs that decide about what is done next.
inline constexpr std::string_view kUniqueViolation = "23505";
inline constexpr std::string_view kCheckViolation = "23514";
inline constexpr std::string_view kUndefinedTable = "42P01";
inline constexpr std::string_view kInvalidPassword = "28P01";

// What went wrong between this process and the server.
struct Failure {
  enum class Kind {
    Refused,         // the server said no: `sqlstate`; the connection goes on
    ConnectionLost,  // there is no answer, and whether the server did it is not known
    TimedOut,        // no answer came before the deadline; the same
  };
  Kind kind = Kind::Refused;
  std::string sqlstate = {};  // five characters (PostgreSQL's documentation, appendix A)
  std::string message;
  // What it is for the caller, where this program found it, and not the server.
  std::optional<Error> found = {};

  bool is(std::string_view code) const { return sqlstate == code; }
  // The server ends or begins, or has no room for another connection: it may go on shortly.
  bool is_passing() const;
};

// Whether the server said no because what was asked for lies in a month that is detached. What is
// left of it are tables without most columns: detachment.hpp.
bool is_detached(const Failure& failure);

template <typename T>
using Answer = std::expected<T, Failure>;

// As an error of the library, where nothing was written.
Error to_error(const Failure& failure);

}  // namespace eventstore::postgres
