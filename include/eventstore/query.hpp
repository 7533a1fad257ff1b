#pragma once

#include <string>
#include <utility>
#include <vector>

#include "eventstore/position.hpp"
#include "eventstore/result.hpp"

namespace eventstore {

struct EventView;

// Matches an event whose type is one of `types` (any type if empty) and whose tags contain all of
// `tags`. An item with neither is refused.
struct QueryItem {
  std::vector<std::string> types = {};
  std::vector<std::string> tags = {};
};

// Either "all", or at least one item, OR-ed. Events of the store's own ('$') never match, but in a
// read that includes system events.
struct Query {
  bool all = false;
  std::vector<QueryItem> items = {};

  static Query everything() { return Query{.all = true, .items = {}}; }
  static Query of(std::vector<QueryItem> items) {
    return Query{.all = false, .items = std::move(items)};
  }

  bool matches(const EventView& event) const;
  // The same, where the store's own events are asked for too.
  bool matches_with_system(const EventView& event) const;
};

// Fails with InvalidArgument for a query that is neither "all" nor has items, or that has an empty
// item; with LimitExceeded for a type or tag past its limit.
Result<void> validate(const Query& query);

// Fails an append if any event matches `query` at a position greater than `after`. `after` is the
// head that a read reported; beyond the store's head it is refused.
struct AppendCondition {
  Query query;
  GlobalPosition after;
};

}  // namespace eventstore
