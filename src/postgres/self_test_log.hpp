#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eventstore/event.hpp"
#include "eventstore/position.hpp"

namespace eventstore::postgres {

// A number that depends on all that a reader sees of an event.
std::uint64_t digest_of(const EventView& event);

// What one reader saw of a log, one event after another, in so little memory that whole logs can be
// compared: a running digest, and what it was every so many positions.
//
// Threads: one at a time.
class SeenLog {
 public:
  // Absent: the position is the one that comes next. Else what is wrong with it.
  std::optional<std::string> take(GlobalPosition position, std::uint64_t digest);

  GlobalPosition last() const { return last_; }

  // Absent: both saw the same, as far as both came.
  std::optional<std::string> difference_from(const SeenLog& other) const;

 private:
  static constexpr std::uint64_t kBetween = 64;  // positions from one kept digest to the next

  GlobalPosition last_ = {};
  std::uint64_t digest_ = 0;
  std::vector<std::uint64_t> kept_;  // of positions kBetween, 2 * kBetween, ...
};

}  // namespace eventstore::postgres
