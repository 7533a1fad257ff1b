#pragma once

#include "postgres_options.hpp"
#include "report.hpp"

namespace eventstore::bench {

// What the page docs/benchmarks-postgresql.md says beside the results.
PageTexts postgres_page(const PostgresOptions& options);

}  // namespace eventstore::bench
