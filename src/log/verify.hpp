#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "eventstore/event_store.hpp"
#include "log/log_settings.hpp"
#include "log/log_view.hpp"
#include "log/manifest.hpp"

namespace eventstore::log {

// Reads every byte of the log that `snapshot` shows, and every posting file, and checks them
// against their checksums and each other.
Result<VerifyReport> verify_log(FileSystem& files, const LogSettings& settings,
                                const Snapshot& snapshot, const Manifest& manifest);

// The same for one segment of it, without posting files.
Result<std::vector<Finding>> verify_segment(const LogSettings& settings, const Snapshot& snapshot,
                                            const Manifest& manifest, std::size_t ordinal);

// Counts what the log holds.
Result<StoreStats> count_log(FileSystem& files, const std::string& folder, const Snapshot& snapshot,
                             std::uint64_t secret);

}  // namespace eventstore::log
