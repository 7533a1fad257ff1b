#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "eventstore/append.hpp"
#include "eventstore/event_store.hpp"

// Appends that are known by their number alone: a process makes them and says which it tries and
// which were acknowledged; another one finds out what became of them.
namespace eventstore::test {

inline constexpr std::uint64_t kWriters = 3;

struct AppendNumber {
  std::uint64_t writer = 0;  // below kWriters
  std::uint64_t number = 0;  // of the writer's, from 1
  friend auto operator<=>(const AppendNumber&, const AppendNumber&) = default;
};

AppendRequest known_append(std::uint64_t seed, AppendNumber number);

// What a process that appends says on its standard output, one line each.
std::string tries_line(AppendNumber number);
std::string acknowledged_line(AppendNumber number, GlobalPosition last_position);

// What is known of the appends to one store, by whoever listened.
class AppendLedger {
 public:
  explicit AppendLedger(std::uint64_t seed) : seed_(seed) {}

  std::uint64_t seed() const { return seed_; }

  // Takes in what a process said; a last line that is cut short does not count.
  void take_output(std::string_view output);

  // What lines say, told without them; and of an append that failed for certain.
  void tries(AppendNumber number);
  void acknowledged(AppendNumber number, GlobalPosition last_position);
  void failed(AppendNumber number);

  // The number after the last one that a writer tried.
  std::uint64_t next_number(std::uint64_t writer) const { return next_[writer]; }
  std::uint64_t acknowledged_count() const { return acknowledged_count_; }

  // Reads everything: what was acknowledged is there, whole, once, and where the answer said; what
  // was tried is there as a whole or not at all, and stays so; nothing else is there; and
  // verification finds nothing. Throws Violation.
  void check(EventStore& store);

 private:
  enum class State : std::uint8_t { InDoubt, Acknowledged, Absent };
  struct Known {
    State state = State::InDoubt;
    GlobalPosition last_position = {};
  };

  void take_line(std::string_view line);

  const std::uint64_t seed_;
  std::map<AppendNumber, Known> appends_;
  std::array<std::uint64_t, kWriters> next_{1, 1, 1};
  std::uint64_t acknowledged_count_ = 0;
};

}  // namespace eventstore::test
