#include <algorithm>
#include <utility>

#include "eventstore/subscription.hpp"

namespace eventstore {

Result<Lag> lag_of(EventStore& store, GlobalPosition position, Timestamp now) {
  auto cursor = store.read({.from = position.value + 1, .limit = 1, .include_system = true});
  if (!cursor) return std::unexpected(std::move(cursor).error());
  const auto first = (*cursor)->next();
  if (!first) return std::unexpected(first.error());
  Lag lag{.head = (*cursor)->head()};
  if (first->empty()) return lag;
  lag.positions = lag.head.value - position.value;
  lag.time = std::max(now - first->front().recorded_at, std::chrono::microseconds(0));
  return lag;
}

}  // namespace eventstore
