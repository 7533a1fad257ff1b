#include <cstddef>
#include <cstdint>

#include "text_round_trip.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  eventstore::check_round_trip(line, eventstore::parse_ndjson_event,
                               eventstore::write_ndjson_event);
  return 0;
}
