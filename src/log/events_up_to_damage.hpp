#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "log/run_events.hpp"

namespace eventstore::log {

using VersionRange = std::pair<StreamVersion, StreamVersion>;  // both included

// Events of a run whose index lacks what is lost: ends with the damage where events between two
// that are left may be lost ones.
//
// Ownership: shares the damage with the run.
// Threads:   one at a time.
class EventsUpToDamage final : public RunEvents {
 public:
  // `events` may be null: none are left. `first` and `last`: what is read of the run.
  // `versions`: where all of a stream is read, which of it; they tell that nothing of it is lost.
  EventsUpToDamage(std::unique_ptr<RunEvents> events,
                   std::shared_ptr<const std::vector<Finding>> damage, Direction direction,
                   GlobalPosition first, GlobalPosition last, std::optional<VersionRange> versions);

  Result<bool> next(LocatedEvent& event) override;

 private:
  // The damage that may have taken events between the last one handed out and `position`.
  const Finding* lost_between(std::uint64_t position) const;
  // The damage that the position next to the last one handed out lies in.
  const Finding* damage_behind_reached() const;
  // `event`: the next one; null: there is none.
  bool continues(const LocatedEvent* event) const;

  std::unique_ptr<RunEvents> events_;
  const std::shared_ptr<const std::vector<Finding>> damage_;
  const bool forwards_;
  std::uint64_t reached_;  // the position handed out last
  const std::uint64_t end_;
  std::optional<std::uint64_t> next_version_;
  std::uint64_t last_version_ = 0;
  bool ended_ = false;
};

}  // namespace eventstore::log
