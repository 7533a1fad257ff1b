#include "bulk_appends.hpp"

#include <algorithm>
#include <memory>
#include <semaphore>
#include <utility>

#include "bulk_requests.hpp"
#include "harness.hpp"

namespace eventstore::bench {

std::vector<AppendResult> append_all(EventStore& store, std::vector<AppendRequest> requests) {
  constexpr std::ptrdiff_t kUnderWay = 8;
  std::vector<AppendResult> results(requests.size());
  std::counting_semaphore<kUnderWay> free(kUnderWay);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    free.acquire();
    store.append_async(std::move(requests[i]), [&results, &free, i](Result<AppendResult> result) {
      results[i] = must(std::move(result), "append");
      free.release();
    });
  }
  for (std::ptrdiff_t i = 0; i < kUnderWay; ++i) free.acquire();
  return results;
}

void fill_store(EventStore& store, const EventGenerator& generator, std::uint64_t first,
                std::uint64_t end) {
  constexpr std::uint64_t kEventsAtOnce = 100'000;  // in memory
  const auto chain = std::make_shared<AppendChain>();
  auto position = must(store.head(), "head").value;
  while (first < end) {
    const auto some_end = std::min(first + kEventsAtOnce, end);
    auto requests = make_bulk_requests(generator, first, some_end);
    for (auto& request : requests) request.context.chain = chain;
    for (const auto& result : append_all(store, std::move(requests))) {
      if (result.first_position.value != position + 1) fail("the store is not filled in order");
      position = result.last_position.value;
    }
    first = some_end;
  }
}

void fill_store(EventStore& store, const EventGenerator& generator) {
  fill_store(store, generator, 0, generator.events());
  if (must(store.head(), "head").value != generator.events()) fail("the store is not filled");
}

}  // namespace eventstore::bench
