#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "eventstore/event.hpp"

namespace eventstore::bench {

// What the generated events look like. The same shape gives the same events, byte for byte.
struct EventShape {
  std::uint64_t events = 1'000'000;
  std::uint64_t streams = 0;  // 0: one for each hundred events
  std::uint64_t query_matches = 100;
  std::size_t data_bytes = 256;
  std::size_t metadata_bytes = 64;
  bool ids = true;
  std::uint64_t seed = 1;
};

// Makes event after event of a shape, each from its number alone.
//
// The streams take turns, so that a stream's events lie as far apart as they can. There are ten
// common types and a rare one; an event has one of ten regions and one of so many customers as tags
// that a query for a common type, a region and a customer finds EventShape::query_matches events or
// so. So many are of the rare type. Data and metadata are JSON of exactly the sizes asked for (from
// two bytes on).
//
// Threads: immutable; any number of threads may call at once.
class EventGenerator {
 public:
  static constexpr std::uint64_t kTypes = 10;  // common ones: 0 to 9
  static constexpr std::uint64_t kRareType = 10;
  static constexpr std::uint64_t kRegions = 10;

  explicit EventGenerator(const EventShape& shape);

  // Writes event `number` (from 0) over `event`, whose memory it uses again.
  void make(std::uint64_t number, NewEvent& event) const;
  NewEvent make(std::uint64_t number) const;

  std::uint64_t events() const { return shape_.events; }
  std::uint64_t streams() const { return shape_.streams; }
  std::uint64_t customers() const { return customers_; }

  std::uint64_t stream_of(std::uint64_t number) const;
  std::uint64_t version_of(std::uint64_t number) const;  // in its stream
  std::uint64_t number_of(std::uint64_t stream, std::uint64_t version) const;
  std::uint64_t type_of(std::uint64_t number) const;
  std::uint64_t region_of(std::uint64_t number) const;
  std::uint64_t customer_of(std::uint64_t number) const;

  static std::string stream_name(std::uint64_t stream);
  static std::string_view type_name(std::uint64_t type);
  static std::string region_tag(std::uint64_t region);
  static std::string customer_tag(std::uint64_t customer);

 private:
  EventShape shape_;
  std::uint64_t customers_;
  std::uint64_t rare_every_;  // one event among so many is of the rare type
};

// The sum of eight bytes at a time, modulo 2^64, and of the bytes that are left: what a benchmark
// does to have touched every byte.
std::uint64_t sum_of(std::string_view bytes);

}  // namespace eventstore::bench
