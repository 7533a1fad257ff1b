#pragma once

#include <string>

#include "core/file_system.hpp"
#include "eventstore/maintenance.hpp"
#include "log/segment_source.hpp"

namespace eventstore::log {

// Mends the store in `folder` from `source`: see eventstore::repair(), which is this over a copy in
// a folder.
Result<RepairReport> repair_log(Environment environment, const std::string& folder,
                                SegmentSource& source, const RepairOptions& options);

}  // namespace eventstore::log
