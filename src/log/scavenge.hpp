#pragma once

#include "core/file_system.hpp"
#include "eventstore/deletion.hpp"
#include "log/log_tail.hpp"

namespace eventstore::log {

// The log of an open store, all of it borrowed.
struct ScavengedLog {
  const LogSettings& settings;
  std::uint64_t secret;
  LogView& view;
  LogTail* tail;  // null: it is read only, and a dry run is all there can be
};

// Rewrites the sealed segments of an open store without what is deleted, while it is read and
// written to. A unit of this is a few neighbouring segments with the runs that index them: new
// files are written and proven, then the manifest takes them all at once, then the old ones are
// removed. A crash leaves the one or the other; what is left over is removed at the next opening.
//
// Fails as EventStore::scavenge() does; what was done before stays. A dry run also fails with
// NotFound, where another process has rewritten a segment before it was looked at.
//
// Threads: beside everything else, but for another one that is no dry run.
Result<ScavengeReport> scavenge_log(Environment environment, const ScavengedLog& log,
                                    const ScavengeOptions& options);

}  // namespace eventstore::log
