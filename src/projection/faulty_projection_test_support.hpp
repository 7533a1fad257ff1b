#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "projection/projection_test_support.hpp"
#include "support/faulted_state.hpp"
#include "support/test_scale.hpp"

namespace eventstore::projection {

// Projections whose process dies, or whose database fails.
class FaultyProjectionTest : public ProjectionTest {
 protected:
  static ProjectionOptions options() {
    return {.workers = 2,
            .transaction_events_max = 3,
            .attempts_max = 2,
            .pause_min = std::chrono::milliseconds(0),
            .pause_max = std::chrono::milliseconds(1),
            .on_failure = FailurePolicy::Park};
  }
  // As a process does that is started an hour after the one before.
  void run_later(Projection& projection) {
    test::FaultedState later(state(), ++hour_);
    Projections projections(subscriptions(), later);
    test::value_of(test::value_of(projections.run(projection, once()))->wait(soon()));
  }
  void rebuild_later(Projection& projection, const ProjectionOptions& run) {
    test::FaultedState later(state(), ++hour_);
    Projections projections(subscriptions(), later);
    test::value_of(projections.rebuild(projection, {.run = run}));
  }
  static ProjectionOptions once() {
    auto once = options();
    once.once = true;
    return once;
  }
  void append_some() {
    append("a-1", "Paid", 4);
    append("b-1", "Poison", 1);
    append("a-2", "Paid", 3);
    append("a-1", "Paid", 2);
    append("b-2", "Poison", 1);
    append("b-2", "Paid", 2);
  }
  // A process that dies at one of its calls.
  std::unique_ptr<test::FaultedState> dying(std::uint64_t call, test::FaultedState::When when) {
    auto state_of_it = std::make_unique<test::FaultedState>(state(), ++hour_);
    state_of_it->die_at({.call = call, .when = when});
    return state_of_it;
  }
  // One of many is enough where each takes long.
  std::uint64_t stride() const {
    return (GetParam().has_segments && !GetParam().persists ? 1U : 7U) *
           (test::scaled(100) < 100 ? 5U : 1U);
  }

  std::chrono::hours hour_{};  // later by one for each process
};

}  // namespace eventstore::projection
