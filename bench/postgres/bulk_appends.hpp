#pragma once

#include <cstdint>
#include <vector>

#include "eventstore/event_store.hpp"
#include "generated_events.hpp"

namespace eventstore::bench {

// Appends all of them by append_async(), eight under way at a time; durable when it returns.
// Returns what each answered.
std::vector<AppendResult> append_all(EventStore& store, std::vector<AppendRequest> requests);

// Appends all of the generator's events to an empty store, in order.
void fill_store(EventStore& store, const EventGenerator& generator);

}  // namespace eventstore::bench
