#include "store_reads.hpp"

#include <utility>
#include <variant>

#include "harness.hpp"

namespace eventstore::bench {

Touched read_and_touch(EventStore& store, ReadRequest request) {
  const bool is_stream = std::holds_alternative<SelectStream>(request.selector);
  const bool has_gaps = std::holds_alternative<Query>(request.selector);
  auto next = request.from.value_or(1);
  const auto cursor = must(store.read(std::move(request)), "read");
  Touched touched;
  while (true) {
    const auto events = must(cursor->next(), "read");
    if (events.empty()) return touched;
    for (const auto& event : events) {
      const auto number = is_stream ? event.version.value : event.position.value;
      if (has_gaps ? number < next : number != next) fail("a read leaves out an event");
      next = number + 1;
      touched.add(event.metadata, event.data);
    }
  }
}

}  // namespace eventstore::bench
