#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/file_system.hpp"
#include "eventstore/read.hpp"
#include "log/bounds_lookup.hpp"
#include "log/log_reader.hpp"
#include "log/log_view.hpp"
#include "log/run_events.hpp"

namespace eventstore::log {

// A read of the log, run by run.
//
// Ownership: keeps the snapshot, and with it what its views point into. Borrows the clock.
// Threads:   one at a time.
class LogCursor final : public Cursor {
 public:
  // `request` must have passed validate().
  LogCursor(Snapshot snapshot, ReadRequest request, std::uint64_t secret, Clock& clock);

  Result<std::span<const EventView>> next() override;
  GlobalPosition head() const override { return snapshot_.head; }

  // Whether it failed at a segment that is not there: another process may have rewritten it.
  bool met_missing_file() const { return failure_ && failure_->code == ErrorCode::NotFound; }

 private:
  Result<void> fill();
  Result<void> narrow();
  Result<void> go_on();
  Result<bool> open_run();
  Result<void> still_wanted() const;
  bool is_selected(const StoredEvent& event) const;
  Result<void> take(const LocatedEvent& event);

  const Snapshot snapshot_;
  const ReadRequest request_;
  const std::uint64_t secret_;
  Clock& clock_;
  ReadBounds bounds_;
  HiddenVersions hidden_;
  bool narrowed_ = false;    // bounds_ leave out what is hidden of the stream that is read
  std::uint64_t remaining_;  // of the limit

  // The run being read, and those that are left.
  std::optional<std::size_t> next_run_;
  std::size_t last_run_ = 0;
  LogReader reader_;
  std::unique_ptr<RunEvents> events_;
  LocatedEvent event_;  // the one met last

  std::vector<EventView> batch_;
  // What the batch points to if it is to be copied.  NOLINTNEXTLINE(modernize-avoid-c-arrays)
  std::vector<std::unique_ptr<std::byte[]>> copies_;
  std::uint64_t batch_bytes_ = 0;
  std::uint64_t passed_over_ = 0;  // events that were read and not selected
  std::optional<Error> failure_;
};

}  // namespace eventstore::log
