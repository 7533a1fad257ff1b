#include "bulk_requests.hpp"

#include <algorithm>
#include <unordered_set>

namespace eventstore::bench {

std::vector<AppendRequest> make_bulk_requests(const EventGenerator& generator, std::uint64_t first,
                                              std::uint64_t end) {
  std::vector<AppendRequest> requests;
  std::unordered_set<std::uint64_t> checked;
  while (first < end) {
    auto& request = requests.emplace_back();
    const auto request_end = std::min(end, first + kEventsPerBulkRequest);
    request.events.reserve(request_end - first);
    checked.clear();
    for (; first < request_end; ++first) {
      const auto stream = generator.stream_of(first);
      if (checked.insert(stream).second) {
        const StreamVersion before{generator.version_of(first) - 1};
        request.checks.push_back({.stream = EventGenerator::stream_name(stream),
                                  .expected = ExpectedVersion::exactly(before)});
      }
      request.events.push_back(generator.make(first));
    }
  }
  return requests;
}

}  // namespace eventstore::bench
