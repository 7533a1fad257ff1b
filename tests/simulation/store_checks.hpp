#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/seeded_random.hpp"
#include "eventstore/event_store.hpp"
#include "support/model.hpp"

namespace eventstore::test {

// Every event from `from` on, the store's own included.
Result<std::vector<RecordedEvent>> read_all(EventStore& store, std::uint64_t from = 1);

// Asks the store in every way and compares with the model: reads by stream, category, type and tag
// in both directions, ids, lists, and verification. Absent: they agree.
std::optional<std::string> first_disagreement(EventStore& store, const Model& model,
                                              SeededRandom& random);

}  // namespace eventstore::test
