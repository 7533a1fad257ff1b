#include <cstdint>
#include <iostream>

#include <gtest/gtest.h>

#include "simulation/crash_simulation.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

constexpr int kCyclesPerSeed = 20;

#ifdef EVENTSTORE_PLANTED_FAULT

// A simulation that does not notice a bug planted in the engine proves nothing.
TEST(CrashSimulation, CatchesThePlantedFault) {
  SimulationOutcome total;
  std::uint64_t seed = 1;
  for (; seed <= 1000 && !total.violation; ++seed) total += simulate(seed, kCyclesPerSeed);
  ASSERT_TRUE(total.violation) << EVENTSTORE_PLANTED_FAULT
                               << " was not noticed: " << describe(total);
  std::cout << EVENTSTORE_PLANTED_FAULT << " noticed at seed " << seed - 1 << " after "
            << total.crashes << " crashes: " << *total.violation << '\n';
}

#else

// 1,100 seeds of 20 crashes: what was acknowledged is there, what was refused is not, what was in
// doubt is there as a whole or not at all, and the indexes say what the log says.
TEST(CrashSimulation, KeepsEveryPromise) {
  SimulationOutcome total;
  const auto seeds = scaled(1100);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    total += simulate(seed, kCyclesPerSeed);
    ASSERT_FALSE(total.violation) << "seed " << seed << ": " << *total.violation
                                  << "\nagain: EVENTSTORE_SEED=" << seed << " crash_test "
                                  << "--gtest_filter=CrashSimulation.ReplaysASeed";
  }
  std::cout << describe(total) << '\n';
  if (seeds < 200) return;
  // Rare things must not have become none.
  EXPECT_GE(total.power_losses, seeds);
  EXPECT_GE(total.crashes_in_recovery, seeds);
  EXPECT_GE(total.appends_in_doubt_present, seeds / 10);
  EXPECT_GE(total.appends_in_doubt_absent, seeds / 10);
  EXPECT_GE(total.faults, seeds / 10);
  EXPECT_GE(total.rolls, seeds);
}

TEST(CrashSimulation, IsDeterministic) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    EXPECT_EQ(simulate(seed, 5).trace_hash, simulate(seed, 5).trace_hash) << "seed " << seed;
  }
}

TEST(CrashSimulation, ReplaysASeed) {
  const char* text = std::getenv("EVENTSTORE_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
  const auto seed = text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
  const auto outcome = simulate(seed, kCyclesPerSeed);
  EXPECT_FALSE(outcome.violation) << "seed " << seed << ": " << *outcome.violation;
}

#endif

}  // namespace
}  // namespace eventstore::test
