#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "log/head_page.hpp"
#include "log/log_files.hpp"
#include "log/log_view.hpp"

namespace eventstore::log {

// A store opened for reading alone: takes no lock, and follows what a writer in any process of this
// machine has made durable, never more.
//
// Threads: safe from any thread.
class LogFollower {
 public:
  // Fills `view`, which must outlive this. Fails with NotFound, NotAStore, UnsupportedFormat,
  // Corruption (of the manifest) or Io. Damage in segments is a notice; reads that meet it fail.
  static Result<std::unique_ptr<LogFollower>> open(Environment environment, LogSettings settings,
                                                   LogView& view);

  // Brings the view up to the durable head.
  Result<void> refresh();

  // Null: no writer made one yet. Stays once it is there.
  HeadPage* head_page() const { return head_page_.load(std::memory_order_acquire); }
  std::uint64_t secret() const { return secret_; }
  Manifest manifest();

 private:
  LogFollower(Environment environment, LogSettings settings, LogView& view)
      : environment_(environment), settings_(std::move(settings)), view_(view) {}

  Result<void> load();
  void find_head_page();
  Result<void> follow_locked();
  Result<void> follow_to_locked(std::optional<GlobalPosition> limit);
  Result<bool> scan_frames_locked(std::optional<GlobalPosition> limit);
  void take_posting_files_locked();
  Result<void> enter_segment_locked(const ManifestSegment& listed);
  bool pass_damage_locked(FrameScan& scan, Defect defect, std::optional<GlobalPosition> limit);
  Result<void> forget_active_locked();
  void publish_locked(GlobalPosition durable);

  const Environment environment_;
  const LogSettings settings_;
  LogView& view_;
  std::unique_ptr<HeadPage> head_page_owner_;
  std::atomic<HeadPage*> head_page_ = nullptr;  // released by find_head_page()
  std::uint64_t secret_ = 0;

  std::mutex mutex_;  // one refresh at a time; reads of what is there do not need it
  // Guarded by mutex_:
  Manifest manifest_;
  SegmentList segments_;
  std::shared_ptr<MemoryIndex> index_;  // of the last segment
  ScanState end_;                       // how far that was scanned
  bool segments_changed_ = true;        // since the view was given them
  std::string last_damage_;             // that was reported
  bool unconfirmed_ = false;            // the last segment was scanned beyond the durable head
};

}  // namespace eventstore::log
