#include <algorithm>
#include <array>
#include <cerrno>
#include <iostream>
#include <string>
#include <utility>

#include "campaigns/campaign.hpp"
#include "log/folder.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

using Call = SimulatedFileSystem::Call;
using Crash = SimulatedFileSystem::Crash;

constexpr int kCyclesPerEpisode = 20;
constexpr int kRecoveryDepthMax = 3;

// What an episode may do, to be left out one by one where it breaks a promise.
struct Features {
  int cycles = kCyclesPerEpisode;
  bool faults = true;
  bool readers = true;
  bool power_losses = true;
  bool crashes_in_recovery = true;
  bool verbose = false;  // tell what is done
};

template <typename T, std::size_t N>
const T& pick(SeededRandom& random, const std::array<T, N>& from) {
  return from.at(random.below(N));
}

// Tiny limits, so that what is rare in production happens all the time.
StoreLimits draw_limits(SeededRandom& random) {
  constexpr std::array<std::uint64_t, 5> kSegmentBytes = {8192, 8192, 16384, 32768, 65536};
  constexpr std::array<std::uint64_t, 4> kPrewriteBytes = {0, 512, 1024, 4096};
  return {.segment_bytes_max = pick(random, kSegmentBytes),
          .prewrite_bytes = pick(random, kPrewriteBytes),
          .run_events_max = 1 + random.below(20),
          .merge_width = 2 + random.below(3)};
}

OperationShares draw_shares(SeededRandom& random, const Features& features) {
  return {.commits = 14,
          .deletions = random.below(3),
          .background = random.below(8),
          .scrubs = random.below(3),
          .scavenges = random.below(2),
          .time = random.below(3),
          .looks = features.readers && random.chance(1, 2) ? 1 + random.below(4) : 0,
          .reopenings = random.chance(1, 4) ? std::uint64_t{1} : 0,
          .questions = 0};
}

std::uint64_t draw_group_max(SeededRandom& random) {
  constexpr std::array<std::uint64_t, 4> kGroupMax = {1, 4, 4, 64};
  return pick(random, kGroupMax);
}

// One store that lives, crashes and is opened again, over and over.
class Episode {
 public:
  Episode(std::uint64_t seed, const Features& features, Tally& tally)
      : random_(seed),
        features_(features),
        tally_(tally),
        limits_(draw_limits(random_)),
        operations_(seed + 1, draw_shares(random_, features), draw_group_max(random_)),
        store_(seed + 2, limits_) {
    with_faults_ = features.faults && random_.chance(1, 2);
    store_.look_in_between(random_.chance(1, 2) && features.readers);
  }

  void run() {
    open();
    for (int cycle = 0; cycle < features_.cycles; ++cycle) {
      live();
      tally_.add("crashes");
      // A closing store, one that is killed, or a machine that stops.
      if (store_.is_open() && !store_.files().crashed() && random_.chance(1, 4)) store_.close();
      restart();
      open();
    }
    // Nothing fails any more: the store works.
    store_.files().crash_after(0);
    store_.files().clear_faults();
    if (!store_.perform(operations_.commit(store_.model()))) {
      throw Violation{"the store does not take an append although nothing fails"};
    }
    store_.close();
    const auto& counts = store_.counts();
    tally_.add("appends acknowledged", counts.appends_acknowledged);
    tally_.add("deletions acknowledged", counts.deletions_acknowledged);
    tally_.add("scavenges", counts.scavenges);
    tally_.add("ids forgotten", counts.ids_forgotten);
    tally_.add("appends in doubt, present", counts.appends_in_doubt_present);
    tally_.add("appends in doubt, absent", counts.appends_in_doubt_absent);
    tally_.add("failures without a crash", counts.failures);
    tally_.add("openings that failed", counts.failed_openings);
    tally_.add("looks in the middle of a commit", counts.looks_in_between);
    tally_.add("events", store_.model().events().size());
  }

  std::uint64_t trace() { return store_.files().trace_hash(); }

 private:
  // Opens the store, crashing or failing on the way now and then.
  void open() {
    for (int depth = 0;; ++depth) {
      auto& files = store_.files();
      if (depth < kRecoveryDepthMax) {
        if (features_.crashes_in_recovery && random_.chance(1, 4)) {
          files.crash_after(1 + random_.below(12));
        }
        if (with_faults_ && random_.chance(1, 6)) inject(1 + random_.below(30));
      }
      if (features_.readers && random_.chance(1, 6)) {
        tell("a reader looks");
        store_.look_before_opening();
      }
      if (store_.open()) return files.clear_faults();
      if (files.crashed()) {
        tally_.add("crashes in recovery");
        tally_.add("crashes in recovery, depth " + std::to_string(depth + 1));
        restart();
      } else if (random_.chance(1, 2)) {
        restart();
      } else {
        files.clear_faults();  // the same process tries again
      }
    }
  }

  // Works until the store takes no more, as it does when the crash comes, or for a while.
  void live() {
    auto& files = store_.files();
    files.crash_after(1 + random_.below(60));
    if (with_faults_ && random_.chance(1, 2)) inject(1 + random_.below(40));
    for (int round = 0; round < 40 && !files.crashed(); ++round) {
      const auto operation = operations_.next(store_.model());
      tell(describe(operation));
      if (!store_.perform(operation)) break;
    }
  }

  void tell(const std::string& what) const {
    if (features_.verbose) std::cerr << what << '\n';
  }

  void inject(std::uint64_t nth) {
    constexpr std::array kCalls = {
        Call::Write,     Call::Write,    Call::Sync,          Call::Sync,   Call::Create,
        Call::Rename,    Call::Remove,   Call::SyncDirectory, Call::Open,   Call::Read,
        Call::Map,       Call::Size,     Call::List,          Call::Exists, Call::SharePage,
        Call::SharePage, Call::SharePage};
    constexpr std::array kErrors = {EIO, ENOSPC, ENOSPC, EDQUOT, EMFILE, ENOMEM};
    const auto call = pick(random_, kCalls);
    const auto error = call == Call::Sync && random_.chance(2, 3) ? EIO : pick(random_, kErrors);
    tell("call " + std::to_string(static_cast<int>(call)) + " will fail, the " +
         std::to_string(nth) + "th, with errno " + std::to_string(error));
    store_.files().inject({.call = random_.chance(1, 8) ? std::nullopt : std::optional(call),
                           .nth = nth,
                           .error_number = error,
                           .forever = random_.chance(1, 4)});
    tally_.add("faults injected");
  }

  void restart() {
    const bool power_loss = features_.power_losses && random_.chance(1, 2);
    tell(power_loss ? "power loss" : "kill");
    if (power_loss) tally_.add("power losses");
    store_.restart(power_loss ? Crash::PowerLoss : Crash::ProcessKill);
    // On a machine that goes on it also tells that a writer has run, and is not to be removed.
    auto& disk = store_.files().disk();
    if (power_loss && random_.chance(1, 50) && disk.exists(log::head_path("store"))) {
      tell("HEAD is lost");
      disk.remove(log::head_path("store"));
    }
  }

  SeededRandom random_;
  const Features features_;
  Tally& tally_;
  const StoreLimits limits_;
  OperationMaker operations_;
  CheckedStore store_;
  bool with_faults_ = false;
};

class CrashCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 5000; }

  std::vector<Floor> floors() const override {
    std::vector<Floor> floors = {{"crashes", 100'000},
                                 {"power losses", 20'000},
                                 {"crashes in recovery", 10'000},
                                 {"crashes in recovery, depth 3", 50},
                                 {"deletions acknowledged", 10'000},
                                 {"scavenges", 4'000},
                                 {"ids forgotten", 1'000},
                                 {"appends in doubt, present", 1000},
                                 {"appends in doubt, absent", 1000},
                                 {"failures without a crash", 1000},
                                 {"openings that failed", 1000},
                                 {"looks in the middle of a commit", 1000}};
    for (const auto name : kMarkNames) floors.push_back({std::string(name), 50});
    return floors;
  }

  void run(std::uint64_t episode, Tally& tally) override {
    Episode(episode, features_, tally).run();
  }

  std::optional<std::uint64_t> trace_of(std::uint64_t episode) override {
    Tally tally;
    Episode once(episode, features_, tally);
    once.run();
    return once.trace();
  }

  // Fewest cycles first, then without each feature that the violation can do without.
  std::string shrink(std::uint64_t episode) override {
    const auto fails = [&](const Features& features) {
      try {
        Tally tally;
        Episode(episode, features, tally).run();
        return false;
      } catch (const Violation&) {
        return true;
      }
    };
    auto least = features_;
    while (least.cycles > 1 && fails(with_cycles(least, least.cycles - 1))) --least.cycles;
    std::string switches = "--cycles " + std::to_string(least.cycles);
    for (const auto& [name, feature] : kFeatures) {
      auto without = least;
      without.*feature = false;
      if (!fails(without)) continue;
      least = without;
      switches.append(" --without ").append(name);
    }
    return switches;
  }

  bool set(std::string_view name, std::string_view value) override {
    if (name == "cycles") {
      features_.cycles = std::max(1, std::atoi(std::string(value).c_str()));
      return true;
    }
    if (name == "verbose") return features_.verbose = value == "yes", true;
    if (name != "without") return false;
    const auto known =
        std::ranges::find(kFeatures, value, &std::pair<std::string_view, bool Features::*>::first);
    if (known == kFeatures.end()) return false;
    features_.*(known->second) = false;
    return true;
  }

  std::vector<Plant> plants() const override {
    return {Plant::AnswerBeforeSync,     Plant::SkipDirectorySync,   Plant::SkipSyncOnRoll,
            Plant::RetryFailedSync,      Plant::NoBodyChecksum,      Plant::VisibleBeforeDurable,
            Plant::UnlinkBeforeManifest, Plant::ScavengeLosesAnEvent};
  }

 private:
  static constexpr std::array<std::pair<std::string_view, bool Features::*>, 4> kFeatures = {{
      {"faults", &Features::faults},
      {"readers", &Features::readers},
      {"power-losses", &Features::power_losses},
      {"crashes-in-recovery", &Features::crashes_in_recovery},
  }};
  static Features with_cycles(Features features, int cycles) {
    features.cycles = cycles;
    return features;
  }

  Features features_;
};

}  // namespace

std::unique_ptr<Campaign> make_crash_campaign() {
  return std::make_unique<CrashCampaign>();
}

}  // namespace eventstore::test
