#pragma once

#include "eventstore/event_store.hpp"
#include "postgres/connection_pool.hpp"
#include "postgres/months.hpp"
#include "postgres/read_planner.hpp"
#include "postgres/store_settings.hpp"

// What is asked of a store as a whole.
namespace eventstore::postgres {

Answer<StoreStats> count_store(Connection& connection, const StoreSettings& settings,
                               const SeenHead& seen, Deadline deadline);

// Reads every event and compares the tables with each other.
Answer<VerifyReport> verify_store(Connection& connection, const StoreSettings& settings,
                                  const SeenHead& seen, Deadline deadline);

}  // namespace eventstore::postgres
