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
  std::size_t data_bytes = 256;
  std::size_t metadata_bytes = 64;
  bool ids = true;
  std::uint64_t seed = 1;
};

// Makes event after event of a shape, each from its number alone.
//
// The streams take turns, so that a stream's events lie as far apart as they can. There are ten
// types; an event has one of ten regions and one of so many customers as tags that a query for a
// type, a region and a customer finds a hundred events or so. Data and metadata are JSON of exactly
// the sizes asked for (from two bytes on).
//
// Threads: immutable; any number of threads may call at once.
class EventGenerator {
 public:
  static constexpr std::uint64_t kTypes = 10;
  static constexpr std::uint64_t kRegions = 10;

  explicit EventGenerator(const EventShape& shape);

  // Writes event `number` (from 0) over `event`, whose memory it uses again.
  void make(std::uint64_t number, NewEvent& event) const;
  NewEvent make(std::uint64_t number) const;

  std::uint64_t events() const { return shape_.events; }
  std::uint64_t streams() const { return shape_.streams; }
  std::uint64_t customers() const { return customers_; }

  std::uint64_t stream_of(std::uint64_t number) const;
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
};

// The sum of eight bytes at a time, modulo 2^64, and of the bytes that are left: what a benchmark
// does to have touched every byte.
std::uint64_t sum_of(std::string_view bytes);

}  // namespace eventstore::bench
