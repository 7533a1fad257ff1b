#include "bulk.hpp"

#include <algorithm>

namespace eventstore::bench {

void fill_store(Store& store, const EventGenerator& generator) {
  constexpr std::uint64_t kEventsAtOnce = 100'000;  // in memory
  for (std::uint64_t first = 0; first < generator.events(); first += kEventsAtOnce) {
    const auto end = std::min(first + kEventsAtOnce, generator.events());
    auto requests = make_bulk_requests(generator, first, end);
    store.append_bulk(requests);
  }
}

}  // namespace eventstore::bench
