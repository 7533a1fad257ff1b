#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "eventstore/append.hpp"
#include "generated_events.hpp"

namespace eventstore::bench {

// The requests of a bulk: a thousand events each, the versions of their streams expected.
inline constexpr std::size_t kEventsPerBulkRequest = 1'000;
// Those of the events `first` to `end` - 1 of the generator.
std::vector<AppendRequest> make_bulk_requests(const EventGenerator& generator, std::uint64_t first,
                                              std::uint64_t end);

}  // namespace eventstore::bench
