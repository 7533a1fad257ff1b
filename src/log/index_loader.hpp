#pragma once

#include <functional>
#include <vector>

#include "core/file_system.hpp"
#include "log/log_scan.hpp"
#include "log/run_files.hpp"

namespace eventstore::log {

// Puts the index of a log together when it is opened: from the posting files that fit, and from the
// log itself where there is none.
//
// Threads: one at a time. Borrows everything it is given.
class IndexLoader {
 public:
  IndexLoader(FileSystem& files, const LogSettings& settings, const SegmentList& segments,
              std::uint64_t secret);

  // Loads up to the end of the last segment but one, or further, where a posting file goes on from
  // there. Fails with Io.
  Result<void> load();

  // Where the last segment is to be scanned from, into builder().
  ScanState last_segment_begin() const;

  const RunList& runs() const { return runs_; }
  RunBuilder& builder() { return builder_; }
  const std::vector<Finding>& damage() const { return damage_; }
  // Posting files that are damaged, belong to other segments, or hold what others hold.
  const std::vector<RunFile>& unused() const { return unused_; }

  // Called with the runs so far when some more of the log was indexed in memory, so that it need
  // not all stay there: may replace runs.
  using OnIndexed = std::function<void(RunList&)>;
  void set_on_indexed(OnIndexed on_indexed) { on_indexed_ = std::move(on_indexed); }

 private:
  Result<void> take(const RunFile& run_file);
  Result<void> scan_to(GlobalPosition last);
  void take_ended();
  bool is_behind_the_log(const RunFile& run_file, const Run& run) const;

  FileSystem& files_;
  const LogSettings& settings_;
  const SegmentList& segments_;
  const std::uint64_t secret_;
  RunList runs_;
  RunBuilder builder_;
  GlobalPosition next_{1};  // the first position that is not indexed
  std::vector<Finding> damage_;
  std::vector<RunFile> unused_;
  OnIndexed on_indexed_;
};

}  // namespace eventstore::log
