#pragma once

#include <cstdint>
#include <vector>

#include "eventstore/event_store.hpp"
#include "generated_events.hpp"

namespace eventstore::bench {

// Appends all of them by append_async(), eight under way at a time; durable when it returns.
// Returns what each answered.
std::vector<AppendResult> append_all(EventStore& store, std::vector<AppendRequest> requests);

// Appends the events `first` to `end` - 1 of the generator, in order; or all, to an empty store.
void fill_store(EventStore& store, const EventGenerator& generator, std::uint64_t first,
                std::uint64_t end);
void fill_store(EventStore& store, const EventGenerator& generator);

}  // namespace eventstore::bench
