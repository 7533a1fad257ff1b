#include "core/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace eventstore::internal {

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: CHECK(%s) failed\n", file, line, condition);
  std::abort();
}

}  // namespace eventstore::internal
