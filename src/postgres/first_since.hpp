#pragma once

#include <chrono>

#include "postgres/connection.hpp"
#include "postgres/store_settings.hpp"
#include "postgres/stored_state.hpp"

namespace eventstore::postgres {

// `time` less `age`, which may be longer than there were times.
Timestamp before(Timestamp time, std::chrono::seconds age);

// The first version of a stream that was recorded at `oldest` or later; the next to come if none
// was.
Answer<StreamVersion> first_since(Connection& connection, const StoreSettings& settings,
                                  StreamId stream, Timestamp oldest, Deadline deadline);

}  // namespace eventstore::postgres
