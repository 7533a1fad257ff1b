#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>

#include "eventstore/projection.hpp"
#include "eventstore/subscription.hpp"
#include "projection/batch_queue.hpp"

namespace eventstore::projection {

// Reads the events of a projection, and hands them to all of its workers in batches: what there is
// goes together.
//
// Ownership: borrows everything.
// Threads:   one at a time.
class EventReader {
 public:
  struct Parts {
    Subscription& subscription;
    const Projection& projection;
    std::span<const std::unique_ptr<BatchQueue>> queues;
    std::optional<GlobalPosition> until = {};
    std::size_t batch_events_max = 1;
  };

  EventReader(const Parts& parts, std::stop_token stop);

  // Reads up to `until`. Fails with Cancelled where it was asked to stop, and as
  // Subscription::next().
  Result<void> run();

 private:
  Deadline deadline() const;
  Result<bool> take(const Delivery& delivery);
  Result<void> hand_on(bool is_followed);
  Result<void> hand_on_rest();

  const Parts parts_;
  const std::stop_token stop_;
  std::shared_ptr<RoutedBatch> batch_;
  // Where workers wait for another batch: an empty one tells them that none comes.
  std::optional<GlobalPosition> announced_after_;
};

}  // namespace eventstore::projection
