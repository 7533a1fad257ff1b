#pragma once

#include <cstdint>
#include <optional>
#include <string>

// The embedded engine on a disk that crashes, lies about nothing, and loses what was not synced.
// One seed decides everything: what is appended, where it crashes and what survives.
namespace eventstore::test {

struct SimulationOutcome {
  std::optional<std::string> violation;  // the first promise that was broken
  std::uint64_t crashes = 0;             // crash-and-reopen cycles, each checked against the model
  std::uint64_t crashes_in_recovery = 0;
  std::uint64_t power_losses = 0;
  std::uint64_t appends_acknowledged = 0;
  std::uint64_t appends_in_doubt_present = 0;  // when the crash came; there after it
  std::uint64_t appends_in_doubt_absent = 0;
  std::uint64_t faults = 0;  // calls that failed without a crash
  std::uint64_t rolls = 0;
  std::uint64_t events = 0;
  std::uint64_t trace_hash = 0;

  SimulationOutcome& operator+=(const SimulationOutcome& other);
};

std::string describe(const SimulationOutcome& outcome);

// Runs `cycles` crash-and-reopen cycles of one store.
SimulationOutcome simulate(std::uint64_t seed, int cycles);

}  // namespace eventstore::test
