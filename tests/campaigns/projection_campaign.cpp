#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "campaigns/campaign.hpp"
#include "core/seeded_random.hpp"
#include "eventstore/open.hpp"
#include "support/faulted_state.hpp"
#include "support/ledger_projection.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

using projection::least_position;

constexpr std::uint64_t kStepsPerEpisode = 24;

// A store with the Ledger's state, whose processes die and hang, each started an hour after the one
// before.
class ProjectedStore {
 public:
  ProjectedStore(std::uint64_t episode, Tally& tally)
      : random_(episode),
        tally_(tally),
        store_(value_of(open("memory:"))),
        state_(value_of(open_state("memory:"))),
        subscriptions_(std::make_unique<Subscriptions>(*store_)) {}

  void run() {
    append();
    for (std::uint64_t step = 0; step < kStepsPerEpisode; ++step) {
      const auto what = random_.below(10);
      const auto name = "step " + std::to_string(step) + " (" + std::to_string(what) + ")";
      try {
        if (what < 2) append();
        if (what < 5) die_working();
        if (what >= 5 && what < 7) die_rebuilding();
        if (what == 7) rebuild_beside();
        if (what == 8) hang();
        if (what == 9) finish();
        check(name);
      } catch (const std::exception& error) {
        throw Violation{name + ": " + error.what()};
      }
    }
    finish();
    check("the end");
  }

 private:
  ProjectionOptions options() {
    return {.workers = static_cast<std::uint32_t>(1 + random_.below(3)),
            .once = true,
            .transaction_events_max = 1 + random_.below(8),
            // Now and then so little that nothing is kept.
            .cache_bytes_max = random_.chance(1, 4) ? std::size_t{1} : std::size_t{1} << 20,
            .attempts_max = static_cast<std::uint32_t>(1 + random_.below(4)),
            .pause_min = std::chrono::milliseconds(0),
            .pause_max = std::chrono::milliseconds(1),
            .on_failure = FailurePolicy::Park};
  }

  GlobalPosition append() {
    GlobalPosition last;
    const auto appends = 1 + random_.below(6);
    for (std::uint64_t n = 0; n < appends; ++n) {
      const auto* const type = random_.chance(1, 12) ? "Poison" : "Paid";
      auto request = append_to("account-" + std::to_string(random_.below(7)),
                               ExpectedVersion::any(), 1 + random_.below(4));
      for (auto& event : request.events) event.type = type;
      last = value_of(store_->append(std::move(request))).last_position;
    }
    return last;
  }

  FaultedState::Fault fault() {
    return {.call = 1 + random_.below(random_.chance(1, 2) ? 40 : 150),
            .when = random_.chance(1, 2) ? FaultedState::When::Before : FaultedState::When::After};
  }

  void die_working() {
    FaultedState faulted(*state_, ++hour_);
    faulted.die_at(fault());
    work(faulted);
    count(faulted, "kills");
  }

  void die_rebuilding() {
    FaultedState faulted(*state_, ++hour_);
    faulted.die_at(fault());
    rebuild(faulted, random_.chance(1, 8));
    count(faulted, "kills in a rebuild");
  }

  // Another one begins while this one hangs, and it goes on when the other has died or is done.
  void hang() {
    FaultedState hanging(*state_, ++hour_);
    hanging.hang_at(1 + random_.below(8));
    Projections late(*subscriptions_, hanging);
    Ledger ledger;
    auto chosen = options();
    chosen.once = false;
    chosen.lease = std::chrono::milliseconds(100);
    const auto running = value_of(late.run(ledger, chosen));
    if (!hanging.wait_until_it_hangs()) throw Violation{"it asks its state database nothing"};

    FaultedState other(*state_, ++hour_);
    if (random_.chance(1, 2)) other.die_at(fault());
    if (random_.chance(1, 3)) {
      rebuild(other, false);
    } else {
      work(other);
    }
    count(other, "kills");
    check("while one hangs");
    tally_.add("late instances");
    hanging.let_go();
    const auto position = append();
    // Its clock is behind, so that it may wait for the other's lease for long.
    static_cast<void>(running->wait_for(
        position, std::chrono::steady_clock::now() + std::chrono::milliseconds(20)));
    check("as it goes on");
    value_of(running->stop(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
  }

  // While an instance works on what is appended, which the rebuild must not fall behind of.
  void rebuild_beside() {
    FaultedState working(*state_, ++hour_);
    Projections live(*subscriptions_, working);
    Ledger ledger;
    auto chosen = options();
    chosen.once = false;
    const auto running = value_of(live.run(ledger, chosen));
    FaultedState faulted(*state_, hour_);
    if (random_.chance(1, 2)) faulted.die_at(fault());
    Projections projections(*subscriptions_, faulted);
    Ledger same;
    const auto rebuilt =
        projections.rebuild(same, {.run = options(), .on_progress = [&](const RebuildProgress&) {
                                     const auto position = append();
                                     static_cast<void>(running->wait_for(position, in_a_moment()));
                                     check("beside a rebuild");
                                   }});
    if (rebuilt) tally_.add("rebuilds beside one at work");
    count(faulted, "kills in a rebuild");
    check("after a rebuild beside one at work");
    if (random_.chance(1, 2) && value_of(live.pause("ledger"))) {
      append();
      check("while it is paused");
      value_of(live.resume("ledger"));
      tally_.add("pauses");
    }
    const auto position = append();
    static_cast<void>(running->wait_for(position, in_a_moment()));
    value_of(running->stop(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
  }

  static Deadline in_a_moment() {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
  }

  void work(StateDatabase& state) {
    Projections projections(*subscriptions_, state);
    Ledger ledger;
    const auto chosen = options();
    static_cast<void>(value_of(projections.run(ledger, chosen))->wait(Deadline::max()));
  }

  void rebuild(StateDatabase& state, bool restart) {
    Projections projections(*subscriptions_, state);
    Ledger ledger;
    if (projections.rebuild(ledger, {.run = options(), .restart = restart})) {
      tally_.add("rebuilds completed");
    }
  }

  void finish() {
    FaultedState state(*state_, ++hour_);
    work(state);
    const auto found = ledger_state(*state_);
    const auto head = value_of(store_->head());
    for (const auto& worker : found.value().workers) {
      if (worker.position != head) {
        throw Violation{"a worker ends at " + std::to_string(worker.position.value) + " of " +
                        std::to_string(head.value)};
      }
    }
  }

  void count(const FaultedState& state, std::string_view name) {
    if (state.has_died()) tally_.add("kills");
    if (state.has_died() && name != "kills") tally_.add(name);
  }

  void check(const std::string& when) {
    const auto found = ledger_state(*state_);
    if (!found) return;
    const auto least = least_position(found->workers);
    if (least < position_) {
      throw Violation{when + ": the checkpoint goes back from " + std::to_string(position_.value) +
                      " to " + std::to_string(least.value)};
    }
    position_ = least;
    const auto expected = ledger_fold(read_events(*store_), found->workers);
    compare(when + ": documents", found->documents, expected);
    compare(when + ": rows", found->rows, expected);
    tally_.add("states compared");
  }

  static void compare(const std::string& what, const Documents& found, const Documents& expected) {
    if (found == expected) return;
    throw Violation{what + " are " + nlohmann::json(found).dump() + " and should be " +
                    nlohmann::json(expected).dump()};
  }

  SeededRandom random_;
  Tally& tally_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<StateDatabase> state_;
  std::unique_ptr<Subscriptions> subscriptions_;
  std::chrono::hours hour_{};
  GlobalPosition position_;
};

// Projections whose process dies or hangs at any call to the state database.
class ProjectionCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 900; }

  std::vector<Floor> floors() const override {
    return {{"kills", 10'000}, {"kills in a rebuild", 3000},         {"late instances", 900},
            {"pauses", 300},   {"rebuilds beside one at work", 300}, {"rebuilds completed", 500}};
  }

  std::vector<Plant> plants() const override {
    return {Plant::CheckpointFirst, Plant::FenceIgnored, Plant::SwitchTooEarly};
  }

  void run(std::uint64_t episode, Tally& tally) override {
    try {
      ProjectedStore(episode, tally).run();
    } catch (const std::exception& error) {
      throw Violation{error.what()};
    }
  }
};

}  // namespace

std::unique_ptr<Campaign> make_projection_campaign() {
  return std::make_unique<ProjectionCampaign>();
}

}  // namespace eventstore::test
