#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "log/head_page.hpp"
#include "log/log_view.hpp"
#include "log/run_builder.hpp"
#include "log/segment_files.hpp"

namespace eventstore::log {

// A store opened for reading alone: takes no lock, and follows what a writer in any process of this
// machine has made durable, never more.
//
// Threads: safe from any thread.
class LogFollower {
 public:
  // Fills `view`, which must outlive this. Fails with NotFound, NotAStore, UnsupportedFormat,
  // Corruption (of the manifest), OutOfResources or Io. Damage in segments is a notice; reads that
  // meet it fail.
  static Result<std::unique_ptr<LogFollower>> open(Environment environment, LogSettings settings,
                                                   LogView& view);

  // Brings the view up to the durable head.
  Result<void> refresh();
  // The same where a file of the view is not there any more: a writer has rewritten it.
  Result<void> refresh_all();

  // Null: no writer made one yet. Stays once it is there.
  HeadPage* head_page() const { return head_page_.load(std::memory_order_acquire); }
  std::uint64_t secret() const { return secret_; }
  Manifest manifest();

 private:
  LogFollower(Environment environment, LogSettings settings, LogView& view)
      : environment_(environment), settings_(std::move(settings)), view_(view) {}

  Result<void> load();
  Result<void> load_segments_locked() REQUIRES(mutex_);
  Result<void> load_newest_manifest_locked() REQUIRES(mutex_);
  bool is_superseded_locked() const REQUIRES(mutex_);
  Result<void> follow_newest_locked() REQUIRES(mutex_);
  bool has_what_is_listed_locked() const REQUIRES(mutex_);
  bool is_behind_the_manifest() const;
  Result<void> load_index_locked() REQUIRES(mutex_);
  void find_head_page() REQUIRES(mutex_);
  Result<void> follow_locked() REQUIRES(mutex_);
  bool has_writer_locked() REQUIRES(mutex_);
  Result<bool> follow_without_writer_locked() REQUIRES(mutex_);
  Result<void> follow_to_locked(std::optional<GlobalPosition> limit) REQUIRES(mutex_);
  Result<bool> scan_frames_locked(std::optional<GlobalPosition> limit) REQUIRES(mutex_);
  void adopt_posting_files_locked() REQUIRES(mutex_);
  Result<void> enter_segment_locked(const ManifestSegment& listed) REQUIRES(mutex_);
  std::shared_ptr<Segment> stand_in_locked(ManifestSegment listed, Error damage) REQUIRES(mutex_);
  void begin_if_lost_locked() REQUIRES(mutex_);
  void lose_last_segment_locked(GlobalPosition last) REQUIRES(mutex_);
  void take_ended_runs_locked() REQUIRES(mutex_);
  bool pass_lost_locked(std::optional<GlobalPosition> limit) REQUIRES(mutex_);
  bool pass_damage_locked(FrameScan& scan, Defect defect, std::optional<GlobalPosition> limit)
      REQUIRES(mutex_);
  Result<void> forget_active_locked() REQUIRES(mutex_);
  GlobalPosition within_last_segment_locked(GlobalPosition position) const REQUIRES(mutex_);
  void publish_locked(GlobalPosition durable) REQUIRES(mutex_);

  const Environment environment_;
  const LogSettings settings_;
  LogView& view_;
  std::atomic<HeadPage*> head_page_ = nullptr;  // released by find_head_page()
  std::uint64_t secret_ = 0;

  Mutex mutex_;  // one refresh at a time, through its I/O; reads of what is there do not need it
  std::unique_ptr<HeadPage> head_page_owner_ GUARDED_BY(mutex_);
  Manifest manifest_ GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> generation_ = 0;  // that of manifest_
  SegmentList segments_ GUARDED_BY(mutex_);
  RunList runs_ GUARDED_BY(mutex_);                         // but for the newest
  std::unique_ptr<RunBuilder> builder_ GUARDED_BY(mutex_);  // makes that one
  std::shared_ptr<const Run> newest_ GUARDED_BY(mutex_);    // as the view has it
  ScanState end_ GUARDED_BY(mutex_);                        // how far the last segment was scanned
  bool layout_changed_ GUARDED_BY(mutex_) = true;           // since the view was given it
  bool runs_ended_ GUARDED_BY(mutex_) = false;              // since posting files were looked for
  std::string last_damage_ GUARDED_BY(mutex_);              // that was reported
  // The last segment was scanned beyond the durable head.
  bool unconfirmed_ GUARDED_BY(mutex_) = false;
};

}  // namespace eventstore::log
