#include <set>
#include <string>
#include <utility>
#include <vector>

#include "campaigns/campaign.hpp"
#include "core/codec.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

using Call = SimulatedFileSystem::Call;

// Long writes are split until there are so many pieces; where there are more, all subsets of so
// many are tried, and the others are lost, or kept.
constexpr std::size_t kPiecesWanted = 10;
constexpr std::size_t kPiecesMax = 12;

// The machine as it is before one of the calls that change something.
struct Moment {
  SimulatedDisk disk;
  Model model;
  std::vector<AppendRequest> under_way;
  std::string operation;
};

std::uint64_t digest_of(const SimulatedDisk& disk) {
  std::uint64_t digest = 0;
  for (const auto& path : disk.files()) {
    digest = mix_bits(digest + crc32c(as_bytes(path)));
    const auto bytes = disk.contents(path);
    digest = mix_bits(digest + crc32c(bytes) + (std::uint64_t{bytes.size()} << 32));
  }
  return digest;
}

// Creates a store, appends until it rolled twice, seals, closes, opens: and remembers every moment.
class Recording {
 public:
  explicit Recording(std::uint64_t seed)
      : limits_{.segment_bytes_max = 8192,
                .prewrite_bytes = 512 * (seed % 3),
                .run_events_max = 3 + seed % 5,
                .merge_width = 2},
        maker_(
            seed,
            {.commits = 6, .deletions = 1, .background = 4, .time = 0, .looks = 0, .reopenings = 1},
            3),
        store_(seed, limits_) {
    store_.ask_little();
    store_.files().on_call([this](Call call) {
      if (SimulatedFileSystem::is_mutating(call)) remember();
    });
    operation_ = "create";
    must(store_.open());
    const auto segments = [this] { return store_.store().stats()->segments; };
    while (segments() < 3) perform(maker_.next(store_.model()));
    // Runs get their posting files, and these are merged.
    for (int i = 0; i < 6; ++i) perform(WorkInBackground{});
    // Segments are rewritten.
    const auto& first = store_.model().events().front();
    perform(DeleteFromStream{.kind = DeleteFromStream::Kind::Delete, .stream = first.stream});
    perform(Scavenge{.forgets_ids = seed % 2 == 0});
    perform(Reopen{});
    perform(WorkInBackground{});
    perform(maker_.commit(store_.model()));
    operation_ = "close";
    store_.close();
    remember();
    store_.files().on_call({});
  }

  const std::vector<Moment>& moments() const { return moments_; }
  const StoreLimits& limits() const { return limits_; }

 private:
  static void must(bool done) {
    if (!done) throw Violation{"a store on a sound disk stops"};
  }
  void perform(const Operation& operation) {
    operation_ = describe(operation);
    must(store_.perform(operation));
  }
  void remember() {
    moments_.push_back({.disk = store_.files().disk(),
                        .model = store_.model(),
                        .under_way = store_.under_way(),
                        .operation = operation_});
  }

  StoreLimits limits_;
  OperationMaker maker_;
  CheckedStore store_;
  std::string operation_;
  std::vector<Moment> moments_;
};

class CrashStateCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 20; }  // scripts

  std::vector<Floor> floors() const override {
    return {{"scripts", 20},    {"merged_posting_files", 20}, {"scavenged_unit", 15},
            {"moments", 3'000}, {"states", 200'000},          {"states that are legal", 800'000}};
  }

  void run(std::uint64_t episode, Tally& tally) override {
    const Recording recording(episode);
    const auto stride = 100 / scaled(100);
    const auto& moments = recording.moments();
    for (auto at = episode % stride; at < moments.size(); at += stride) {
      try {
        try_all_states(moments[at], recording.limits(), tally);
      } catch (const Violation& violation) {
        throw Violation{"before change " + std::to_string(at + 1) + ", in \"" +
                        moments[at].operation + "\", " + violation.what};
      }
      tally.add("moments");
    }
    tally.add("scripts");
  }

  std::vector<Plant> plants() const override {
    return {Plant::AnswerBeforeSync, Plant::SkipDirectorySync, Plant::SkipSyncOnRoll};
  }

 private:
  void try_all_states(const Moment& moment, const StoreLimits& limits, Tally& tally) {
    std::set<std::uint64_t> tried;
    const auto try_state = [&](const SimulatedDisk& disk, const std::string& what) {
      if (!tried.insert(digest_of(disk)).second) return;
      try {
        check(disk, moment, limits);
      } catch (const Violation& violation) {
        throw Violation{what + ": " + violation.what};
      }
      tally.add("states");
    };
    try_state(moment.disk, "the process killed");

    const auto pieces = moment.disk.unsynced_pieces(kPiecesWanted);
    const auto free = std::min(pieces, kPiecesMax);
    const std::uint64_t rest =
        pieces > free ? ((std::uint64_t{1} << (pieces - free)) - 1) << free : 0;
    for (std::uint64_t kept = 0; kept < std::uint64_t{1} << free; ++kept) {
      for (const auto others : {std::uint64_t{0}, rest}) {
        auto disk = moment.disk;
        if (!disk.lose_power_but(kept | others, kPiecesWanted)) continue;
        tally.add("states that are legal");
        try_state(disk, "power lost, of " + std::to_string(pieces) + " pieces kept " +
                            std::to_string(kept | others));
        if (rest == 0) break;
      }
    }
  }

  // What was under way is there, or it is not; and the store works.
  static void check(const SimulatedDisk& disk, const Moment& moment, const StoreLimits& limits) {
    CheckedStore store(7, limits, disk);
    store.know(moment.model, moment.under_way);
    AppendRequest request;
    request.events.push_back({.stream = "after", .type = "After", .id = Uuid{}});
    request.events.front().id->bytes.back() = std::byte{1};
    if (!store.open() || !store.perform(CommitGroup{{request}})) {
      throw Violation{"the store does not work"};
    }
    store.close();
    if (!store.open()) throw Violation{"the store does not open again"};
  }
};

}  // namespace

std::unique_ptr<Campaign> make_crash_state_campaign() {
  return std::make_unique<CrashStateCampaign>();
}

}  // namespace eventstore::test
