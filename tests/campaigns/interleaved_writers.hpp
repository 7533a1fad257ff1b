#pragma once

#include <memory>

#include "campaigns/interleavings.hpp"
#include "core/campaign_hooks.hpp"

namespace eventstore::test {

// Stores of the engine, in a schema of their own that goes with the object. `plain`: their appends
// are of the kind that is stored at once; else they have a condition as well.
std::unique_ptr<InterleavedWriters> make_store_writers(const Interleavings& interleavings,
                                                       bool plain);

// A table of its own and raw transactions, wrong in the way that is planted.
std::unique_ptr<InterleavedWriters> make_wrong_writers(const Interleavings& interleavings,
                                                       Plant plant);

}  // namespace eventstore::test
