#include "touched.hpp"

#include <fmt/format.h>

#include "harness.hpp"

namespace eventstore::bench {

void expect_same(const Touched& touched, const Touched& expected, std::string_view what) {
  if (touched == expected) return;
  fail(fmt::format("{}: {} events of {} bytes with the sum {:x}, expected {} of {} with {:x}", what,
                   touched.events, touched.bytes, touched.sum, expected.events, expected.bytes,
                   expected.sum));
}

std::vector<Touched> touched_by_stream(const EventGenerator& generator) {
  std::vector<Touched> touched(generator.streams());
  NewEvent event;
  for (std::uint64_t number = 0; number < generator.events(); ++number) {
    generator.make(number, event);
    touched[generator.stream_of(number)].add(event.metadata, event.data);
  }
  return touched;
}

}  // namespace eventstore::bench
