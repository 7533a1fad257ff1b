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

// As JSON, as it is stored; but for the start, which is stored as a position.
std::string group_settings_text(const ConsumerGroupSettings& settings);
// Fails with Corruption. Members that it does not know are left alone.
Result<ConsumerGroupSettings> parse_group_settings(std::string_view text);

std::string key_of(const EventView& event, const ConsumerGroupSettings& settings);
std::string key_of(const RecordedEvent& event, const ConsumerGroupSettings& settings);

}  // namespace eventstore::subscription
