#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/key_bucket.hpp"
#include "eventstore/consumer_group.hpp"
#include "eventstore/event.hpp"
#include "eventstore/result.hpp"

namespace eventstore::subscription {

// What can be said of the settings without a store: filter and start are for Subscriptions::open().
// Fails with InvalidArgument.
Result<void> validate_group_settings(const ConsumerGroupSettings& settings);

// Reads what to_json() writes, which is how settings are stored; the start is stored as a position.
// Fails with Corruption. Members that it does not know are left alone.
Result<ConsumerGroupSettings> parse_group_settings(std::string_view text);

// What `there` has that `asked` has not, for a person to read: "attempts_max is 5". Empty: they are
// the same. Of the starts it is compared what means the same place whenever it is asked.
std::string other_settings(const ConsumerGroupSettings& there, const ConsumerGroupSettings& asked);

std::string key_of(const EventView& event, const ConsumerGroupSettings& settings);
std::string key_of(const RecordedEvent& event, const ConsumerGroupSettings& settings);

}  // namespace eventstore::subscription
