#pragma once

#include <nlohmann/json.hpp>

#include "eventstore/subscription.hpp"

namespace eventstore::subscription {

// A filter as it is stored: an object with each of its members, by their names.
nlohmann::ordered_json filter_json(const SubscriptionFilter& filter);

}  // namespace eventstore::subscription
