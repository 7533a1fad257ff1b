#pragma once

#include "options.hpp"
#include "report.hpp"

namespace eventstore::bench {

// What the page docs/benchmarks.md says beside the results.
PageTexts embedded_page(const Options& options);

}  // namespace eventstore::bench
