#include "cli/engines.hpp"
#include "eventstore/postgres.hpp"

namespace eventstore::cli {

void register_engines() {
  register_postgres_engine();
}

}  // namespace eventstore::cli
