#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_system.hpp"
#include "log/log_view.hpp"
#include "log/posting_file.hpp"

// The posting files of runs: their names, and how they are found, opened and written.
namespace eventstore::log {

// Of the names of posting files.
inline constexpr std::string_view kPostingFileEnding = ".post";

// So often may runs be merged.
inline constexpr int kMergeLevels = 2;

// What the name of a posting file says.
struct RunFile {
  GlobalPosition first_position;
  GlobalPosition last_position;
  int level = 0;

  std::string path(const std::string& folder) const;
  // Absent: it is the name of something else.
  static std::optional<RunFile> parse(std::string_view name);
};

// Ascending; of those that begin at the same position the longest first.
Result<std::vector<RunFile>> list_run_files(FileSystem& files, const std::string& folder);

// What makes the posting file of a run one of these segments, and of no others.
RunIdentity run_identity(const SegmentList& segments, GlobalPosition first, GlobalPosition last,
                         std::uint64_t secret);

// Of a run that is not in memory.
inline const PostingFile& posting_file_of(const Run& run) {
  return static_cast<const PostingFile&>(*run.index);
}

// Fails with NotFound (also where what is there is of other segments, since those were rewritten),
// Corruption or UnsupportedFormat; the index can then be made from the log.
Result<std::shared_ptr<const Run>> open_run(FileSystem& files, const std::string& folder,
                                            const SegmentList& segments, const RunFile& run_file,
                                            std::uint64_t secret);

// Writes the posting file of a run whose index is in memory and ends at `last`, and opens it. The
// index must not change any more.
Result<std::shared_ptr<const Run>> write_run(FileSystem& files, const std::string& folder,
                                             const SegmentList& segments, const Run& run,
                                             GlobalPosition last, std::uint64_t secret);

}  // namespace eventstore::log
