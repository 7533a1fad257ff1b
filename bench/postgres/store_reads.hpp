#pragma once

#include "eventstore/event_store.hpp"
#include "touched.hpp"

namespace eventstore::bench {

// Reads to the end, and touches every byte of metadata and data. Fails where events of everything
// or of a stream do not follow each other.
Touched read_and_touch(EventStore& store, ReadRequest request);

}  // namespace eventstore::bench
