#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "log/head_page.hpp"
#include "log/log_view.hpp"
#include "log/run_builder.hpp"
#include "log/run_keeper.hpp"
#include "log/segment_files.hpp"

namespace eventstore::log {

class IndexLoader;

// The end of the log, where frames are written: recovers it, appends to it, rolls segments and
// indexes what comes. Holds the store's lock.
//
// Threads: one at a time, but for layout(), finish_one(), merge_one(), list_rewritten(),
//          keeper(), require_lock(), remove_posting_file(), manifest() and failure_seen(), which
//          may run beside everything else.
class LogTail {
 public:
  // Makes the store where there is none and `create` allows it. Fills `view`, which must outlive
  // this.
  static Result<std::unique_ptr<LogTail>> open(Environment environment, LogSettings settings,
                                               bool create, LogView& view);

  // Rolls the active segment if a frame of `frame_bytes` has no room in it. On failure the log is
  // as it was (NoSpace or OutOfResources), or failure() is set.
  Result<void> make_room(std::uint64_t frame_bytes);

  // Writes a frame at the end and syncs it. `header` needs its counts, positions, time and checksum
  // of the body; its link is filled in. On failure with NoSpace or OutOfResources the log is as it
  // was; after any other failure() is set and whether the frame is there is unknown.
  Result<void> append(FrameHeader& header, std::span<const std::span<const std::byte>> bodies);

  // Shows readers everything that was appended.
  void publish();

  // Writes a mark frame if the last frame is none, so that all before it is known to be durable.
  Result<void> mark();

  // Writes the posting file of the oldest run that has ended and has none, or the digest of a
  // sealed segment. False: nothing is to be done.
  Result<bool> finish_one();
  // How many runs and segments have ended since the log was opened: there may be more to do.
  std::uint64_t ended() const { return ended_; }
  // Merges runs whose number is due. False: none is.
  Result<bool> merge_one() { return keeper_->merge_one(); }

  // Lists rewritten segments in the manifest instead of those with their numbers, durably. After a
  // failure with NoSpace or OutOfResources the old ones are listed; after any other either are.
  Result<void> list_rewritten(std::span<const ManifestSegment> rewritten);
  RunKeeper& keeper() const { return *keeper_; }
  // Fails where another process writes to the store by now, so that this one must not.
  Result<void> require_lock() const;

  // Removes one that is damaged: the next who opens the store makes it again, from the log.
  Result<void> remove_posting_file(const std::string& path) const;

  // Ends the newest run where a scan of it at the next opening would take long, and writes what is
  // unwritten.
  void close_index();

  // Set once something failed in a way that makes further writing unsafe.
  const std::optional<Error>& failure() const { return failure_; }

  // The same, for any thread.
  std::optional<Error> failure_seen() const;

  GlobalPosition next_position() const { return end_.next_position; }
  std::uint64_t next_offset() const { return end_.offset; }
  Timestamp recorded_at() const { return end_.recorded_at; }  // of the last frame
  std::shared_ptr<const LogLayout> layout() const { return view_.layout(); }
  Segment& active() const { return *active_; }
  MemoryIndex& index() const { return builder_->index(); }
  std::uint64_t secret() const { return secret_; }
  HeadPage& head_page() { return *head_page_; }
  const LogSettings& settings() const { return settings_; }
  Manifest manifest() const;

 private:
  LogTail(Environment environment, LogSettings settings, LogView& view);

  Result<void> take_lock(bool create);
  Result<void> recover();
  Result<void> open_head_page();
  Result<SegmentList> open_segments(const Manifest& manifest);
  Result<void> load_index(const SegmentList& segments);
  Result<ScanState> scan_active(IndexLoader& loader);
  Result<void> rewrite_end(std::span<const std::byte> bytes, const ScanState& end,
                           const SegmentList& segments);

  Result<void> roll();
  Result<void> begin_segment(std::shared_ptr<Segment> segment);
  void begin_run();
  Result<bool> digest_one();
  Result<void> save_locked(Manifest manifest) REQUIRES(manifest_mutex_);
  Result<void> write_frame(std::span<const std::span<const std::byte>> parts,
                           std::uint64_t frame_bytes);
  Result<void> write_ahead(std::uint64_t frame_end, std::uint64_t frame_bytes);
  Result<void> take_back_write();
  Result<void> sync_active();
  SegmentHeader next_segment_header(std::uint32_t link);
  Error fail(Error error);

  const Environment environment_;
  const LogSettings settings_;
  LogView& view_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<HeadPage> head_page_;
  std::optional<Error> failure_;

  std::shared_ptr<Segment> active_;
  std::unique_ptr<RunBuilder> builder_;  // makes the newest run
  std::unique_ptr<RunKeeper> keeper_;
  ScanState end_;
  std::uint64_t file_bytes_ = 0;  // of the active segment: zeros from the end of the log up to here
  std::uint64_t secret_ = 0;
  std::uint64_t ended_ = 0;

  mutable Mutex manifest_mutex_;  // held while the manifest is saved; no reader needs it
  Manifest manifest_ GUARDED_BY(manifest_mutex_);
  // That of manifest_, to be looked at without its mutex, which is held for long.
  std::atomic<std::uint64_t> manifest_generation_ = 0;
  mutable Mutex failure_mutex_;
  std::optional<Error> failure_for_others_ GUARDED_BY(failure_mutex_);  // failure_
  Mutex digest_mutex_;  // one digest at a time, through its I/O
  mutable Mutex undigested_mutex_;
  std::vector<std::shared_ptr<Segment>> undigested_ GUARDED_BY(undigested_mutex_);
};

}  // namespace eventstore::log
