#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "generated_events.hpp"
#include "segment_files.hpp"
#include "touched.hpp"

namespace eventstore::bench {

// The events of a store of the engine at known places: what reading costs without looking for
// anything. Each event is checked by its checksum's work, and its contents are touched, as by a
// reader of the store.
//
// Threads: immutable; any number of threads may call at once.
class BareEvents {
 public:
  // Nobody has the store open for writing. Events beyond the generator's are left out.
  BareEvents(const std::filesystem::path& store, const EventGenerator& generator);

  Touched touch(std::uint64_t number) const;         // one event, from 0
  Touched touch_stream(std::uint64_t stream) const;  // in the order of versions
  Touched touch_all() const;
  void checksum_segments() const;  // the CRC of all bytes, and nothing else

 private:
  const EventGenerator& generator_;
  SegmentFiles files_;
  std::vector<std::span<const std::byte>> events_;
};

}  // namespace eventstore::bench
