#pragma once

#include <cstdint>
#include <string>

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

// Counts what the log holds.
Result<StoreStats> count_log(FileSystem& files, const std::string& folder, const Snapshot& snapshot,
                             std::uint64_t secret);

}  // namespace eventstore::log
