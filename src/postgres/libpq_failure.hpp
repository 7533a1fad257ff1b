#pragma once

#include <string>
#include <string_view>

#include <libpq-fe.h>

#include "postgres/failure.hpp"

// What libpq says went wrong, as a Failure.
namespace eventstore::postgres {

// libpq ends its messages with a line feed, and may tell details on lines of their own.
std::string one_line(const char* message);

// Why the server refused what `result` is the answer to.
Failure refusal(const PGresult* result);

// Why there is no connection, by the message of one that was made with PQERRORS_VERBOSE.
Failure failure_to_connect(std::string_view message);

}  // namespace eventstore::postgres
