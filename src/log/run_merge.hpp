#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "log/run_files.hpp"

namespace eventstore::log {

// Runs are merged only where the merged one keeps within these: its numbers have 4 bytes, and
// making it takes time.
inline constexpr std::uint64_t kMergedPositionsMax = std::uint64_t{1} << 31;
inline constexpr std::uint64_t kMergedFileBytesMax = std::uint64_t{2} << 30;

// Writes one posting file for `parts`, neighbours that have one each: it becomes `merged`. Takes
// some MiB of memory, however large they are, and room beside the files for one more of its size.
//
// Fails with Corruption where a posting file or the log is damaged, with NoSpace, OutOfResources or
// Io.
Result<void> merge_runs(FileSystem& files, const std::string& folder, const LogLayout& layout,
                        std::span<const std::shared_ptr<const Run>> parts, const RunFile& merged,
                        std::uint64_t secret);

}  // namespace eventstore::log
