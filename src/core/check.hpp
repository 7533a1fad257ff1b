#pragma once

namespace eventstore::internal {

// Prints `file:line: CHECK(condition) failed` to standard error and aborts. Allocates nothing.
[[noreturn]] void check_failed(const char* file, int line, const char* condition);

}  // namespace eventstore::internal

// Stops the process where one of our own invariants does not hold, in every build. Never for what
// comes from a disk, a network or a caller: that is an Error.
#define CHECK(condition) \
  ((condition) ? void(0) : ::eventstore::internal::check_failed(__FILE__, __LINE__, #condition))
