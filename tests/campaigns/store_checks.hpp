#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/seeded_random.hpp"
#include "eventstore/event_store.hpp"
#include "support/model.hpp"

namespace eventstore::test {

// The first difference between what a read gives and what the model says; absent where they agree.
// An error of the read is a difference. `visit` gets each event that is as it should be.
std::optional<std::string> compare_read(EventStore& store, const Model& model,
                                        const ReadRequest& request,
                                        const std::function<void(const EventView&)>& visit = {});

// Asks the store in every way and compares with the model: reads by stream, category, type and tag
// in both directions, ids, lists, and verification. Absent: they agree.
std::optional<std::string> first_disagreement(EventStore& store, const Model& model,
                                              SeededRandom& random);

}  // namespace eventstore::test
