#include <array>
#include <csignal>
#include <string>
#include <vector>

#include <sys/wait.h>

#include "campaigns/campaign.hpp"
#include "campaigns/known_appends.hpp"
#include "campaigns/real_store.hpp"
#include "core/seeded_random.hpp"
#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::test {
namespace {

constexpr std::uint64_t kKillsPerEpisode = 25;
// A store is killed so often at system calls before the next one is made: its creation is to be
// cut short often too.
constexpr std::uint64_t kKillsPerStore = 5;

// The calls that change files, and those that opening a store makes.
constexpr std::array<std::string_view, 10> kCalls = {"pwritev", "fdatasync", "fsync", "rename",
                                                     "openat",  "unlink",    "mkdir", "flock",
                                                     "pread64", "getdents64"};

// A real process on a real disk, killed at any moment, or as it enters a system call.
class KillCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 33; }

  std::vector<Floor> floors() const override {
    std::vector<Floor> floors = {{"kills", 500}, {"appends acknowledged", 5000}};
    if (has_strace()) floors.push_back({"kills at a system call", 100});
    return floors;
  }

  void run(std::uint64_t episode, Tally& tally) override {
    if (episode % 3 == 0 && has_strace()) {
      kill_at_calls(episode, tally);
    } else {
      kill_at_any_time(episode, tally);
    }
  }

 private:
  static void kill_at_any_time(std::uint64_t episode, Tally& tally) {
    SeededRandom random(episode);
    const TemporaryDirectory folder;
    AppendLedger ledger(episode);
    for (std::uint64_t i = 0; i < kKillsPerEpisode; ++i) {
      ChildProcess child(append_command(folder.path() / "store", ledger, 0));
      // Often while it opens, else while it appends.
      if (random.chance(3, 4)) child.listen(std::chrono::seconds(60), "opened");
      child.listen(std::chrono::microseconds(random.below(random.chance(1, 2) ? 5000 : 60'000)));
      child.send_signal(SIGKILL);
      finish(child, ledger);
      check_after("a kill", folder.path() / "store", ledger);
      tally.add("kills");
    }
    tally.add("appends acknowledged", ledger.acknowledged_count());
  }

  // The n-th call of each kind, one after another, from one episode to the next.
  static void kill_at_calls(std::uint64_t episode, Tally& tally) {
    for (std::uint64_t i = 0; i < kKillsPerEpisode; i += kKillsPerStore) {
      const TemporaryDirectory folder;
      AppendLedger ledger(episode);
      for (std::uint64_t j = 0; j < kKillsPerStore; ++j) {
        const auto site = (episode / 3 - 1) * kKillsPerEpisode + i + j;
        const std::string call(kCalls.at(site % kCalls.size()));
        const auto nth = 1 + site / kCalls.size() % 40;
        ChildProcess child(with_strace(call, "signal=SIGKILL", nth,
                                       append_command(folder.path() / "store", ledger, 25)));
        const bool was_killed = finish(child, ledger);
        check_after("a kill", folder.path() / "store", ledger);
        tally.add("kills", was_killed ? 1 : 0);
        tally.add("kills at a system call", was_killed ? 1 : 0);
        if (was_killed) tally.add("kills at " + call);
      }
      tally.add("appends acknowledged", ledger.acknowledged_count());
    }
  }

  // False: it came to its own end.
  static bool finish(ChildProcess& child, AppendLedger& ledger) {
    const auto status = child.wait();
    ledger.take_output(child.output());
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return false;
    throw Violation{"the process ended with status " + std::to_string(status)};
  }
};

}  // namespace

std::unique_ptr<Campaign> make_kill_campaign() {
  return std::make_unique<KillCampaign>();
}

}  // namespace eventstore::test
