#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "log/log_settings.hpp"
#include "log/log_view.hpp"

namespace eventstore::log {

// Keeps the index of a store that is open for writing small in memory and few in runs: gives the
// runs their posting files, and merges neighbouring ones.
//
// Threads: safe from any thread. Each of the two takes its time, through I/O; they may run at once.
class RunKeeper {
 public:
  // Asked before files are written or removed; what it fails with is what that fails with.
  using MayWrite = std::function<Result<void>()>;

  RunKeeper(FileSystem& files, const LogSettings& settings, LogView& view, std::uint64_t secret,
            MayWrite may_write)
      : files_(files),
        settings_(settings),
        view_(view),
        secret_(secret),
        may_write_(std::move(may_write)) {}

  // Runs that have ended but no posting file yet.
  std::size_t unwritten() const;

  // Writes the posting file of the oldest of them. False: there is none.
  Result<bool> write_one();

  // Merges the oldest neighbours that are due. False: none are.
  Result<bool> merge_one();

  // Held while runs that have posting files are replaced by others.
  Mutex& merging() RETURN_CAPABILITY(merging_) { return merging_; }

 private:
  void take(const std::shared_ptr<const Run>& made, std::size_t replaced);
  std::unexpected<Error> complain(Error error) const;

  FileSystem& files_;
  const LogSettings& settings_;
  LogView& view_;
  const std::uint64_t secret_;
  const MayWrite may_write_;
  Mutex writing_;  // one at a time, through its I/O
  Mutex merging_;
  // What is damaged is not tried again and again.
  bool merging_failed_ GUARDED_BY(merging_) = false;
};

}  // namespace eventstore::log
