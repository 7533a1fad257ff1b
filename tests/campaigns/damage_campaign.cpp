#include <set>
#include <string>
#include <utility>

#include "campaigns/campaign.hpp"
#include "campaigns/damage_checks.hpp"

namespace eventstore::test {
namespace {

// A store of some segments, and what was kept of it on the way.
struct Built {
  SimulatedDisk disk;
  SimulatedDisk older;
  Model model;
};

struct Plan {
  std::uint64_t seed;  // of what is appended
  StoreLimits limits;
  std::uint64_t commits;
  std::uint64_t kept_after;  // so many commits the older state is from
  bool closed;               // cleanly; if not, the process was killed
};

// `salt` changes ids and contents, and nothing else.
Built build(const Plan& plan, std::uint8_t salt) {
  Built built;
  OperationMaker operations(
      plan.seed,
      {.commits = 8, .deletions = 1, .background = 4, .time = 0, .looks = 0, .reopenings = 1}, 4,
      salt);
  CheckedStore store(plan.seed + 1000 * std::uint64_t{salt}, plan.limits);
  store.ask_little();
  const auto must = [](bool done) {
    if (!done) throw Violation{"a store on a sound disk does not work"};
  };
  must(store.open());
  for (std::uint64_t commits = 0; commits < plan.commits;) {
    const auto operation = operations.next(store.model());
    must(store.perform(operation));
    if (!std::holds_alternative<CommitGroup>(operation)) continue;
    if (++commits == plan.kept_after) built.older = store.files().disk();
  }
  if (plan.closed) store.close();
  store.kill_at_rest();
  built.disk = store.files().disk();
  built.model = store.model();
  return built;
}

class DamageCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 20'000; }

  std::vector<Floor> floors() const override {
    return {{"damaged stores", 20'000},
            {"clean stores", 20'000},
            {"reads of damaged stores", 1'000'000},
            {"errors reported", 100'000},
            {"damaged stores that the background check found out", 1'000},
            {"damaged stores repaired", 10'000},
            {"damaged stores opened", 2'000},
            {"damaged stores refused", 2'000},
            {"damaged segments named by verification", 5'000}};
  }

  void run(std::uint64_t episode, Tally& tally) override {
    SeededRandom random(episode);
    const Plan plan{.seed = random.next() % 1'000'000'000,
                    .limits = {.segment_bytes_max = random.chance(1, 4) ? 16384U : 8192U,
                               .prewrite_bytes = 1024 * random.below(3),
                               .run_events_max = 1 + random.below(20),
                               .merge_width = 2 + random.below(3)},
                    .commits = 10 + random.below(40),
                    .kept_after = 1 + random.below(10),
                    .closed = random.chance(1, 2)};
    const auto built = build(plan, 0);
    const auto foreign = random.chance(1, 3) ? build(plan, 1) : Built{};
    check_clean(built, plan);
    tally.add("clean stores");

    auto damaged = built.disk;
    const auto faults = 1 + random.below(3);
    std::string what;
    std::set<std::string> misplaced;
    for (std::uint64_t done = 0, tried = 0; done < faults && tried < 100; ++tried) {
      const auto fault =
          inflict_damage(damaged, {.older = built.older, .foreign = foreign.disk}, random);
      if (fault.empty()) continue;
      ++done;
      what.append("; ").append(fault);
      const auto kind = fault.substr(fault.rfind(": ") + 2);
      if (kind.find("swapped") != std::string::npos || kind.find("astray") != std::string::npos) {
        misplaced.insert(fault.substr(0, fault.find(" at ")));
      }
      tally.add(kind);
    }
    tally.add("damaged stores");
    const DamageMap damage(built.disk, damaged);
    const BeforeDamage before{.model = built.model,
                              .damage = damage,
                              .seed = random.chance(1, 2) ? plan.seed + 3 : random.next(),
                              .limits = plan.limits,
                              .misplaced = std::move(misplaced)};
    for (const bool read_only : {true, false}) {
      try {
        check_damaged_store(damaged, before, read_only, tally);
      } catch (const Violation& violation) {
        throw Violation{(read_only ? "a reader: " : "a writer: ") + violation.what + what};
      }
    }
    try {
      check_scrub(damaged, before, tally);
      check_repair(damaged, built.disk, before, tally);
    } catch (const Violation& violation) {
      throw Violation{violation.what + what};
    }
  }

  std::vector<Plant> plants() const override {
    return {Plant::NoBodyChecksum, Plant::LengthsNotCovered, Plant::ChecksumsNotSeeded,
            Plant::CutAtFirstBadFrame, Plant::VerifySkipsASegment};
  }

 private:
  // Nothing is wrong with a store that is whole.
  static void check_clean(const Built& built, const Plan& plan) {
    CheckedStore clean(plan.seed, plan.limits, built.disk);
    clean.know(built.model, {});
    if (!clean.open() || !clean.perform(LookFromOutside{}) || !clean.perform(AskEverything{})) {
      throw Violation{"a store that is whole does not work"};
    }
    if (!clean.notices().empty()) {
      throw Violation{"a false alarm: " + clean.notices().front()};
    }
  }
};

}  // namespace

std::unique_ptr<Campaign> make_damage_campaign() {
  return std::make_unique<DamageCampaign>();
}

}  // namespace eventstore::test
