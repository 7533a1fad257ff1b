#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/session.hpp"
#include "eventstore/event_store.hpp"
#include "eventstore/state.hpp"
#include "eventstore/subscription.hpp"

namespace eventstore::cli {

// What a command does to the state database. Change is of something that was made before: it makes
// no database.
enum class StateAccess : std::uint8_t { Read, Change, Make };

// What projections and subscriptions need of a store: the store for reading alone, so that another
// process may write to it meanwhile, and its state database. One thread at a time.
struct StateSession {
  std::unique_ptr<EventStore> store;
  std::unique_ptr<Subscriptions> subscriptions;
  std::unique_ptr<StateDatabase> state;  // null: there is none yet
};

// A failure says what can be done about it.
Expected<StateSession> open_state_session(Session& session, StateAccess access);

// Opens the state database where it was not there before. Still null: it is not there now.
Expected<void> look_for_state(Session& session, StateSession& opened, StateAccess access);

// In seconds, to the millisecond.
nlohmann::ordered_json seconds_json(std::chrono::microseconds time);

// Null where there is none.
nlohmann::ordered_json time_json(const std::optional<Timestamp>& time);
nlohmann::ordered_json text_json(const std::optional<std::string>& text);

}  // namespace eventstore::cli
