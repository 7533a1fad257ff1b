#pragma once

#include "projection_options.hpp"
#include "report.hpp"

namespace eventstore::bench {

// What the page docs/benchmarks-projections.md says beside the results.
PageTexts projection_page(const ProjectionBenchOptions& options);

}  // namespace eventstore::bench
