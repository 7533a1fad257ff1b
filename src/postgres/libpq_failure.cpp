#include "postgres/libpq_failure.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace eventstore::postgres {
namespace {

bool is_sqlstate(std::string_view text) {
  return text.size() == 5 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
         });
}

}  // namespace

std::string one_line(const char* message) {
  std::string line(message);
  while (line.ends_with('\n')) line.pop_back();
  // libpq indents what goes on in the next line.
  for (auto at = line.find_first_of("\n\t"); at != std::string::npos;
       at = line.find_first_of("\n\t", at + 1)) {
    line.replace(at, line.find_first_not_of("\n\t ", at) - at, " ");
  }
  return line;
}

Failure refusal(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
  Failure failure{.sqlstate = state != nullptr ? state : "",
                  .message = primary != nullptr ? primary : one_line(PQresultErrorMessage(result))};
  if (detail != nullptr) failure.message += ": " + one_line(detail);
  return failure;
}

// With PQERRORS_VERBOSE a server's own word has its SQLSTATE ("FATAL:  57P03: the database system
// is starting up") and its place in PostgreSQL's source on a line of its own. Of several hosts the
// last one's word counts.
Failure failure_to_connect(std::string_view message) {
  Failure failure{.kind = Failure::Kind::ConnectionLost, .message = {}};
  while (!message.empty()) {
    const auto end = std::min(message.find('\n'), message.size());
    std::string line(message.substr(0, end));
    message.remove_prefix(std::min(end + 1, message.size()));
    if (line.starts_with("LOCATION:")) continue;
    for (auto at = line.find(":  "); at != std::string::npos; at = line.find(":  ", at + 1)) {
      const auto state = line.substr(at + 3, 5);
      if (!is_sqlstate(state) || line.compare(at + 8, 2, ": ") != 0) continue;
      failure.kind = Failure::Kind::Refused;
      failure.sqlstate = state;
      line.erase(at + 3, 7);
      break;
    }
    line = one_line(line.c_str());
    if (!failure.message.empty() && !line.empty()) failure.message += ' ';
    failure.message += line.substr(std::min(line.find_first_not_of(' '), line.size()));
  }
  // Of this process's own making, and not to be waited out.
  for (const int error : {EMFILE, ENFILE, ENOMEM}) {
    if (!failure.message.contains(::strerrordesc_np(error))) continue;
    failure.found = Error{.code = ErrorCode::OutOfResources,
                          .message = "no connection could be made: " + failure.message};
  }
  return failure;
}

}  // namespace eventstore::postgres
