#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "generated_events.hpp"

namespace eventstore::bench {

// What a reader has gone through: every byte of metadata and data, with their sum as proof.
struct Touched {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t sum = 0;

  void add(std::string_view metadata, std::string_view data) {
    ++events;
    bytes += metadata.size() + data.size();
    sum += sum_of(metadata) + sum_of(data);
  }
  void add(const Touched& other) {
    events += other.events;
    bytes += other.bytes;
    sum += other.sum;
  }
  friend bool operator==(const Touched&, const Touched&) = default;
};

// A wrong answer is a failure and not a good time.
void expect_same(const Touched& touched, const Touched& expected, std::string_view what);

// What a reader of the generated events has to find, stream by stream.
std::vector<Touched> touched_by_stream(const EventGenerator& generator);

}  // namespace eventstore::bench
