#pragma once

#include <memory>

#include "eventstore/position.hpp"
#include "eventstore/time.hpp"
#include "postgres/months.hpp"

namespace eventstore::postgres {

// The store as one statement saw it.
struct SeenHead {
  GlobalPosition head = {};
  bool has_bounds = false;  // something may be deleted
  Timestamp now = {};       // the store's time: the server's, but not behind the newest event
  std::shared_ptr<const MonthList> months;
};

}  // namespace eventstore::postgres
