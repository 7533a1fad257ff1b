#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "log/frame_scan.hpp"
#include "log/log_settings.hpp"
#include "log/memory_index.hpp"
#include "log/run.hpp"

namespace eventstore::log {

// Makes runs in memory of what is appended to the log, or found there by a scan.
//
// Threads: one at a time.
class RunBuilder {
 public:
  RunBuilder(const LogSettings& settings, std::uint64_t secret, GlobalPosition first_position);

  // The run that grows, and its index.
  const std::shared_ptr<const Run>& current() const { return current_; }
  MemoryIndex& index() const { return *index_; }

  bool is_full() const;
  // Ends the run that grows, if there is a position in it, and begins one at `next`.
  void split(GlobalPosition next);

  // Adds the events of the frame that `scan` went over. A full run is split behind it.
  void add(const FrameScan& scan);
  // What was lost of the run that grows. Does nothing where `damage` says that nothing is, or was
  // the last to be added.
  void add_damage(const Finding& damage);

  // The runs that were ended since the last call.
  RunList take_ended() { return std::exchange(ended_, {}); }
  // Called with each run that is ended, and its last position, instead of keeping it.
  using OnEnded = std::function<void(const Run& run, GlobalPosition last)>;
  void set_on_ended(OnEnded on_ended) { on_ended_ = std::move(on_ended); }

 private:
  void begin(GlobalPosition first_position);

  std::uint64_t events_max_;
  std::uint64_t bytes_max_;
  std::uint64_t secret_;
  std::shared_ptr<MemoryIndex> index_;
  std::shared_ptr<const Run> current_;
  RunList ended_;
  OnEnded on_ended_;
};

}  // namespace eventstore::log
