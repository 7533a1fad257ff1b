#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "campaigns/step_gate.hpp"
#include "postgres/connection.hpp"

namespace eventstore::test {

// Two writers of a log, each of which talks to the server through a gate, and a reader.
class InterleavedWriters {
 public:
  InterleavedWriters() = default;
  virtual ~InterleavedWriters() = default;
  InterleavedWriters(const InterleavedWriters&) = delete;
  InterleavedWriters& operator=(const InterleavedWriters&) = delete;

  // Makes one append, of a new stream; returns when it is done. In a thread of its own.
  virtual void append(std::size_t writer) = 0;
  // Reads what is new, and holds it against what was seen before. Throws Violation.
  virtual void look() = 0;
};

// Runs the steps of two appends in orders that are all different: each way in which their phases
// can follow one another, with both committed, with one rolled back, and with the answer to one
// lost.
class Interleavings {
 public:
  static constexpr std::size_t kWriters = 2;
  // Of each way: with two commits, with one rolled back, with one answer lost; in this order.
  static constexpr std::size_t kEnds = 3;

  explicit Interleavings(int server_port);

  // Where writers connect to.
  std::string uri(std::size_t writer) const;

  // Finds out what the steps are, from two appends.
  void learn(InterleavedWriters& writers);
  // How many orders there are.
  std::size_t count() const { return orders_.size(); }
  // Throws Violation.
  void run(std::size_t order, InterleavedWriters& writers);

 private:
  struct Order {
    std::vector<std::size_t> turns;             // whose phase is next
    StepGate::End end = StepGate::End::Commit;  // of the first writer
  };

  bool is_blocked(std::size_t writer);

  const int server_port_;
  std::array<std::unique_ptr<StepGate>, kWriters> gates_;
  std::vector<std::size_t> phase_ends_;
  std::vector<Order> orders_;
  std::unique_ptr<postgres::Connection> watching_;
  std::string name_;
};

}  // namespace eventstore::test
