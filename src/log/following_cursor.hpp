#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "log/log_cursor.hpp"

namespace eventstore::log {

// A read of a log that another process may rewrite meanwhile: where a file is gone that it had not
// opened yet, it goes on in the one that took its place. What was deleted after the read was opened
// may be missing then.
//
// Ownership: borrows the clock, and whatever `look` does.
// Threads:   one at a time.
class FollowingCursor final : public Cursor {
 public:
  // The newest log; asked for again, for as long as what it gives has files that are gone.
  using Look = std::function<Result<Snapshot>()>;

  FollowingCursor(Snapshot snapshot, ReadRequest request, std::uint64_t secret, Clock& clock,
                  Look look);

  Result<std::span<const EventView>> next() override;
  GlobalPosition head() const override { return head_; }

 private:
  void remember(std::span<const EventView> batch);

  ReadRequest request_;  // for what is still to be read
  const std::uint64_t secret_;
  Clock& clock_;
  const Look look_;
  const GlobalPosition head_;
  std::unique_ptr<LogCursor> cursor_;
};

}  // namespace eventstore::log
