#include "postgres/failure.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace eventstore::postgres {
namespace {

struct Translation {
  std::string_view sqlstate;  // or its beginning: a class
  ErrorCode code;
};

// The first that fits is taken.
constexpr std::array kTranslations = {
    Translation{"53100", ErrorCode::NoSpace},           // disk_full
    Translation{"53300", ErrorCode::Unavailable},       // too_many_connections
    Translation{"53", ErrorCode::OutOfResources},       // insufficient resources
    Translation{"57P", ErrorCode::Unavailable},         // admin_shutdown, cannot_connect_now, ...
    Translation{"57014", ErrorCode::DeadlineExceeded},  // query_canceled
    Translation{"55P03", ErrorCode::Overloaded},        // lock_not_available
    Translation{"40", ErrorCode::Overloaded},           // transaction rollback
    Translation{"25P03", ErrorCode::Unavailable},       // idle_in_transaction_session_timeout
    Translation{"25006", ErrorCode::ReadOnly},          // read_only_sql_transaction
    Translation{"42501", ErrorCode::ReadOnly},          // insufficient_privilege
    Translation{"XX001", ErrorCode::Corruption},        // data_corrupted
    Translation{"XX002", ErrorCode::Corruption},        // index_corrupted
    Translation{"08", ErrorCode::Unavailable},          // connection exception
    Translation{"28", ErrorCode::Unavailable},          // invalid authorization
    Translation{"3D000", ErrorCode::Unavailable},       // invalid_catalog_name: no such database
};

ErrorCode code_of(const Failure& failure) {
  if (failure.found) return failure.found->code;
  if (failure.kind == Failure::Kind::ConnectionLost) return ErrorCode::Unavailable;
  if (failure.kind == Failure::Kind::TimedOut) return ErrorCode::DeadlineExceeded;
  const auto* const found = std::ranges::find_if(kTranslations, [&](const Translation& one) {
    return failure.sqlstate.starts_with(one.sqlstate);
  });
  return found == kTranslations.end() ? ErrorCode::Io : found->code;
}

struct Advice {
  std::string_view sqlstate;  // or its beginning: a class
  std::string_view text;
};
constexpr std::array kAdvice = {
    Advice{"28P01", "; check user and password"},
    Advice{"28", "; check the user, and what pg_hba.conf of the server says of it"},
    Advice{"3D000", "; make the database (createdb), or name another"},
    Advice{"42501", "; the role lacks a right on the store's schema or tables"},
    Advice{"55P03", "; a query or a transaction of somebody else's is in the way: try again later"},
    Advice{"42P05",
           "; where a pooler gives each transaction another session, the URL has to say"
           " pooler=transaction"},
};

std::string_view advice(const Failure& failure) {
  if (failure.kind != Failure::Kind::Refused) return {};
  const auto* const found = std::ranges::find_if(
      kAdvice, [&](const Advice& one) { return failure.sqlstate.starts_with(one.sqlstate); });
  return found == kAdvice.end() ? std::string_view() : found->text;
}

}  // namespace

bool Failure::is_passing() const {
  // The next time it is the same: who may not, a database that is not there, or what a pooler does
  // not take (protocol_violation).
  if (sqlstate.starts_with("28") || is("3D000") || is("08P01")) return false;
  if (found) return found->code == ErrorCode::Unavailable;
  return kind == Kind::ConnectionLost ||
         (kind == Kind::Refused && code_of(*this) == ErrorCode::Unavailable);
}

bool is_detached(const Failure& failure) {
  if (failure.is("42703")) return true;  // undefined_column
  return failure.is(kUndefinedTable) &&
         (failure.message.contains("events_") || failure.message.contains("tags_"));
}

Error to_error(const Failure& failure) {
  if (failure.found) return *failure.found;
  if (is_detached(failure)) {
    return {.code = ErrorCode::Archived,
            .message =
                "some of the events that were asked for are of a month that is detached;"
                " attach it to read them"};
  }
  std::string message = "PostgreSQL: " + failure.message;
  if (!failure.sqlstate.empty()) message += " (SQLSTATE " + failure.sqlstate + ")";
  message += advice(failure);
  return {.code = code_of(failure), .message = std::move(message)};
}

}  // namespace eventstore::postgres
