#include "cli/engines.hpp"

namespace eventstore::cli {

void register_engines() {}

}  // namespace eventstore::cli
