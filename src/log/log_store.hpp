#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/append_queue.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/open.hpp"
#include "log/damage.hpp"
#include "log/log_follower.hpp"
#include "log/log_tail.hpp"
#include "log/log_view.hpp"
#include "log/log_writer.hpp"
#include "log/scrub.hpp"
#include "log/upkeep_thread.hpp"

namespace eventstore::log {

using AppendQueue = eventstore::AppendQueue<PreparedAppend>;

// What a test may set beyond OpenOptions.
struct LogStoreTuning {
  std::uint64_t prewrite_bytes = std::uint64_t{1} << 20;
  std::uint64_t run_events_max = std::uint64_t{64} << 10;
  std::size_t merge_width = 16;
  // False: no threads. append_async() queues and step() does the work, so that a simulation decides
  // when what happens; append() commits at once, with what is queued.
  bool threads = true;
  // The background check begins so long after the opening, so as not to be in its way.
  std::chrono::seconds scrub_delay{60};
};

// The embedded engine.
//
// Ownership: borrows the environment, but for a file system that it is given to own. Cursors must
//            not outlive it.
// Threads:   safe from any thread. Without threads of its own (see LogStoreTuning): appends, step()
//            and scrub_step() one at a time.
class LogStore final : public EventStore {
 public:
  // `owned` is destroyed after the store: the file system of `memory:`.
  static Result<std::unique_ptr<LogStore>> open(Environment environment, const std::string& folder,
                                                const OpenOptions& options,
                                                const LogStoreTuning& tuning, std::string engine,
                                                std::unique_ptr<FileSystem> owned);
  ~LogStore() override;
  LogStore(const LogStore&) = delete;
  LogStore& operator=(const LogStore&) = delete;

  // Without threads: does one thing that is due, the commit of all that is queued or some upkeep
  // of the index. False: nothing is due, or it failed.
  bool step();

  // Without threads: checks about so many bytes as the background check does. 0: nothing is due.
  std::uint64_t scrub_step(std::uint64_t bytes_max);

  Result<AppendResult> append(AppendRequest request) override;
  void append_async(AppendRequest request, AppendCallback callback) override;
  Result<std::unique_ptr<Cursor>> read(ReadRequest request) override;
  Result<GlobalPosition> head() override;
  Result<GlobalPosition> wait_past(GlobalPosition position, Deadline deadline,
                                   std::stop_token cancellation) override;
  Result<std::optional<StreamInfo>> stream_info(std::string_view stream) override;
  Result<std::vector<StreamInfo>> list_streams(const ListStreamsRequest& request) override;
  Result<std::vector<std::optional<EventLocation>>> find(std::string_view stream,
                                                         std::span<const Uuid> ids) override;
  Result<ScavengeReport> scavenge(const ScavengeOptions& options) override;
  Capabilities capabilities() const override;
  Result<StoreStats> stats() override;
  Health health() override;
  Result<VerifyReport> verify() override;

 private:
  LogStore(Environment environment, std::string engine, std::unique_ptr<FileSystem> owned);

  Result<void> start_writing(LogSettings settings, const OpenOptions& options,
                             const LogStoreTuning& tuning);
  Result<PreparedAppend> prepare(AppendRequest request);
  Result<Snapshot> snapshot();
  // What `ask` makes of the newest snapshot. Where another process rewrites files that it had not
  // opened yet, it is asked again; a file that stays gone is lost.
  template <typename Ask>
  std::invoke_result_t<Ask, const Snapshot&> answer(const Ask& ask) {
    constexpr int kAttempts = 5;
    for (int attempt = 1;; ++attempt) {
      auto seen = snapshot();
      if (!seen) return std::unexpected(std::move(seen).error());
      auto answer = ask(*seen);
      if (answer || answer.error().code != ErrorCode::NotFound) return answer;
      if (follower_ == nullptr || attempt == kAttempts) {
        return std::unexpected(lost_if_gone(std::move(answer).error()));
      }
      if (auto refreshed = follower_->refresh_all(); !refreshed) {
        return std::unexpected(std::move(refreshed).error());
      }
    }
  }
  void commit_queued();
  HeadPage* head_page();
  void identify(const Manifest& manifest);
  void start_scrub(const OpenOptions& options, const LogStoreTuning& tuning);

  // Destroyed from the bottom up.
  const std::unique_ptr<FileSystem> owned_;
  const Environment environment_;
  const std::string engine_;
  LogSettings settings_;
  std::uint64_t secret_ = 0;
  Uuid store_id_;
  Uuid lineage_id_;
  std::atomic<bool> closing_ = false;
  LogView view_;
  std::unique_ptr<LogFollower> follower_;  // of a store opened read-only; else null
  std::unique_ptr<LogTail> tail_;          // of a store opened for writing; else null
  std::unique_ptr<LogWriter> writer_;
  std::unique_ptr<AppendQueue> queue_;  // null without threads
  std::vector<std::unique_ptr<PendingAppend>> unthreaded_queue_;

  std::atomic<bool> scavenging_ = false;  // by one at a time
  UpkeepThread finishing_;
  UpkeepThread merging_;          // takes longer than what the writer may have to wait for
  std::unique_ptr<Scrub> scrub_;  // null: the store is not checked in the background
  std::jthread scrubbing_;
};

}  // namespace eventstore::log
