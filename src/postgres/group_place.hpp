#pragma once

#include <cstdint>

#include "postgres/months.hpp"
#include "postgres/recording_time.hpp"

namespace eventstore::postgres {

// Where and when a group is stored that is not looked at before: in the last month, if it still is
// the last one and the server's time is in the window.
struct GroupPlace {
  const StoredMonth& month;
  RecordingTime::Window window;
  std::uint64_t attempt = 0;  // stored with the ids where the caller gave any
};

}  // namespace eventstore::postgres
