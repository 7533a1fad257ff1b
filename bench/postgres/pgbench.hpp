#pragma once

#include <cstddef>
#include <string>

#include "postgres_bench.hpp"

namespace eventstore::bench {

// Runs PostgreSQL's own pgbench with a script, statements prepared, for as long as a turn takes.
// Returns the transactions a second.
double run_pgbench(const PostgresBench& bench, const std::string& script, std::size_t clients);

}  // namespace eventstore::bench
