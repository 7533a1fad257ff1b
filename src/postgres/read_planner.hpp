#pragma once

#include <string>

#include "eventstore/read.hpp"
#include "postgres/connection.hpp"
#include "postgres/months.hpp"
#include "postgres/postgres_cursor.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// The store as one statement saw it.
struct SeenHead {
  GlobalPosition head = {};
  bool has_bounds = false;  // something may be deleted
  Timestamp now = {};       // the store's time: the server's, but not behind the newest event
  std::shared_ptr<const MonthList> months;
};

// Finds out where the events of a read lie, before the first of them is asked for.
//
// Ownership: borrows all it is made of.
// Threads:   one at a time.
class ReadPlanner {
 public:
  ReadPlanner(const StoreSettings& settings, KnownMonths& months, Connection& connection,
              Deadline deadline)
      : settings_(settings), months_(months), connection_(connection), deadline_(deadline) {}

  Answer<SeenHead> look();
  Answer<ReadPlan> plan(ReadRequest request);

 private:
  Answer<ReadPlan> plan_stream(ReadRequest request, const std::string& stream);

  const StoreSettings& settings_;
  KnownMonths& months_;
  Connection& connection_;
  const Deadline deadline_;
};

}  // namespace eventstore::postgres
