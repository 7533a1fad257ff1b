#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "eventstore/event_store.hpp"
#include "eventstore/projections.hpp"
#include "eventstore/state.hpp"
#include "eventstore/subscription.hpp"
#include "postgres/scratch_store.hpp"
#include "projection_options.hpp"

namespace eventstore::bench {

// A new store with its state database, and what can be done over both.
//
// Ownership: removes the store at its end; what works on it must be gone by then.
class BenchStore {
 public:
  BenchStore(const ProjectionBenchOptions& options, Engine engine, std::string_view name);
  ~BenchStore();
  BenchStore(const BenchStore&) = delete;
  BenchStore& operator=(const BenchStore&) = delete;

  EventStore& store() { return *store_; }
  StateDatabase& state() { return *state_; }
  Subscriptions& subscriptions() { return *subscriptions_; }
  Projections& projections() { return *projections_; }

  // After much was appended: has the server look at what there is, as autovacuum would later.
  void settle();

 private:
  std::filesystem::path folder_;             // of an embedded store,
  std::unique_ptr<EventStore> embedded_;     // and itself
  std::unique_ptr<ScratchStore> in_server_;  // or one in PostgreSQL
  EventStore* store_ = nullptr;
  std::unique_ptr<StateDatabase> state_;
  std::unique_ptr<Subscriptions> subscriptions_;
  std::unique_ptr<Projections> projections_;
};

}  // namespace eventstore::bench
