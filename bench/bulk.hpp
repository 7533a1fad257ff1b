#pragma once

#include "bulk_requests.hpp"
#include "candidate.hpp"

namespace eventstore::bench {

// Appends all of the generator's events.
void fill_store(Store& store, const EventGenerator& generator);

}  // namespace eventstore::bench
