#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/event_store.hpp"
#include "log/log_settings.hpp"
#include "log/log_view.hpp"
#include "log/manifest.hpp"
#include "log/scrub_record.hpp"

namespace eventstore::log {

class PostingFile;
class SegmentScrub;

struct ScrubSettings {
  std::uint64_t bytes_per_second = 0;
  std::chrono::seconds period{};  // from the beginning of one pass to that of the next
};

// Checks what is stored in the background, a little at a time: the frames of every segment, the
// active one too, the digests of sealed ones, and after each segment the posting files that end in
// it. Goes on where it stopped, from one opening of the store to the next. Damage is a notice,
// once, and in status(). A posting file that is damaged is removed.
//
// Ownership: borrows the settings.
// Threads:   step() and run() one at a time; status() from any thread.
class Scrub {
 public:
  struct Log {
    Snapshot snapshot;
    Manifest manifest;
  };

  struct LogAccess {
    std::function<Log()> look;  // shows the log as it is now
    std::function<Result<void>(const std::string& path)> remove_posting_file;
  };

  Scrub(Environment environment, const LogSettings& settings, ScrubSettings scrub,
        LogAccess log_access);
  ~Scrub();
  Scrub(const Scrub&) = delete;
  Scrub& operator=(const Scrub&) = delete;

  // Checks about `bytes_max` more bytes, at least one frame or posting file. Returns how many were
  // read; 0: the pass is complete, and the next one is not due.
  std::uint64_t step(std::uint64_t bytes_max);

  // Steps at the rate of the settings, from `delay` after now until it is told to stop.
  void run(const std::stop_token& stop, std::chrono::seconds delay);

  ScrubStatus status() const EXCLUDES(mutex_);

  // What a record says to a store that does not scrub itself.
  static ScrubStatus status_of(const ScrubRecord& record);

 private:
  bool begin_pass(std::uint64_t last_segment);
  bool begin_segment();
  void end_segment();
  std::uint64_t check_posting_file();
  void drop(const PostingFile& file, const Error& damage);
  void report(const Finding& finding);
  void check_in_full();
  std::uint64_t rate() const;
  void save();

  const Environment environment_;
  const LogSettings& settings_;
  const ScrubSettings scrub_;
  const LogAccess log_access_;
  Log log_;                                // as it was when segment_ was begun
  std::size_t ordinal_ = 0;                // of segment_
  std::unique_ptr<SegmentScrub> segment_;  // null: the next one is to be begun
  RunList runs_;                           // those to be checked after segment_
  std::uint64_t bytes_unsaved_ = 0;
  std::set<std::string> reported_;

  mutable Mutex mutex_;
  ScrubRecord record_ GUARDED_BY(mutex_);
  std::vector<Finding> findings_ GUARDED_BY(mutex_);
};

}  // namespace eventstore::log
