#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/wait.h>

#include "campaigns/campaign.hpp"
#include "campaigns/known_appends.hpp"
#include "campaigns/real_store.hpp"
#include "core/seeded_random.hpp"
#include "eventstore/open.hpp"
#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::test {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using Path = std::filesystem::path;

int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Several processes want one store: one of them has it.
class OwnerCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 500; }

  std::vector<Floor> floors() const override {
    return {{"owners that were paused", 300},
            {"races for a new store", 125},
            {"copies opened", 125},
            {"openings in one process", 125}};
  }

  void run(std::uint64_t episode, Tally& tally) override {
    SeededRandom random(episode);
    const TemporaryDirectory folder;
    const auto store = folder.path() / "store";
    switch (episode % 4) {
      case 0:
        return pause_the_owner(store, random, tally);
      case 1:
        return race(store, random, tally);
      case 2:
        return open_a_copy(store, random, tally);
      default:
        return open_twice_in_a_process(store, random, tally);
    }
  }

  std::vector<Plant> plants() const override { return {Plant::RecordLock}; }

 private:
  static void require_locked(const Path& store, const AppendLedger& ledger) {
    const auto opened = open("file:" + store.string());
    if (opened || opened.error().code != ErrorCode::StoreLocked) {
      throw Violation{opened ? "a store that has an owner was opened"
                             : "the second opener is told: " + opened.error().message};
    }
    ChildProcess other(append_command(store, ledger, 1));
    if (code_of(other.wait()) != kChildOpenFailed) {
      throw Violation{"another process opened a store that has an owner"};
    }
  }

  // However long the owner is away, the store is its own; and when it is killed, somebody else's.
  static void pause_the_owner(const Path& store, SeededRandom& random, Tally& tally) {
    AppendLedger ledger(random.next());
    ChildProcess owner(append_command(store, ledger, 0));
    owner.listen(seconds(60), "opened");
    for (int i = 0; i < 3; ++i) {
      owner.listen(microseconds(random.below(20'000)));
      owner.send_signal(SIGSTOP);
      owner.listen(microseconds(2000));
      require_locked(store, ledger);
      const auto reader = open("file:" + store.string(), {.read_only = true});
      if (!reader || !(*reader)->head()) throw Violation{"a reader cannot look beside the owner"};
      owner.send_signal(SIGCONT);
      tally.add("owners that were paused");
    }
    owner.listen(microseconds(20'000));
    if (random.chance(1, 2)) owner.send_signal(SIGSTOP);
    owner.send_signal(SIGKILL);
    owner.wait();
    ledger.take_output(owner.output());
    check_after("the owner's end", store, ledger);
    tally.add("appends acknowledged", ledger.acknowledged_count());
  }

  // Some processes begin at the same time, on a store that is not there yet.
  static void race(const Path& store, SeededRandom& random, Tally& tally) {
    AppendLedger ledger(random.next());
    std::vector<std::unique_ptr<ChildProcess>> processes;
    std::vector<std::uint64_t> firsts = {1, 100'000, 200'000};
    for (const auto first : firsts) {
      auto words = append_command(store, ledger, 5);
      for (std::size_t i = words.size() - kWriters; i < words.size(); ++i) {
        words[i] = std::to_string(first);
      }
      processes.push_back(std::make_unique<ChildProcess>(words));
      if (random.chance(1, 2)) processes.back()->listen(microseconds(random.below(8000)));
    }
    std::uint64_t owners = 0;
    for (auto& process : processes) {
      const auto code = code_of(process->wait());
      if (code == 0) ++owners;
      if (code != 0 && code != kChildOpenFailed) {
        throw Violation{"a process of a race ends with code " + std::to_string(code)};
      }
      ledger.take_output(process->output());
    }
    if (owners == 0) throw Violation{"nobody won a race"};
    check_after("a race", store, ledger);
    tally.add("races for a new store");
    tally.add("owners in races", owners);
  }

  // A copy of the folder is a store of its own.
  static void open_a_copy(const Path& store, SeededRandom& random, Tally& tally) {
    AppendLedger ledger(random.next());
    ChildProcess owner(append_command(store, ledger, 0));
    owner.listen(seconds(60), "opened");
    owner.listen(microseconds(random.below(60'000)));
    owner.send_signal(SIGSTOP);
    owner.listen(microseconds(2000));
    const Path copy = store.string() + "-copy";
    std::filesystem::copy(store, copy, std::filesystem::copy_options::recursive);
    // What was said until now is in the copy too.
    AppendLedger of_copy(ledger.seed());
    of_copy.take_output(owner.output());
    const auto opened = open("file:" + copy.string());
    if (!opened) throw Violation{"a copy does not open: " + opened.error().message};
    of_copy.check(**opened);
    owner.send_signal(SIGCONT);
    owner.listen(microseconds(5000));
    owner.send_signal(SIGKILL);
    owner.wait();
    ledger.take_output(owner.output());
    check_after("copying", store, ledger);
    tally.add("copies opened");
  }

  // One process opens it twice: the second time it is refused, and the lock stays.
  static void open_twice_in_a_process(const Path& store, SeededRandom& random, Tally& tally) {
    AppendLedger ledger(random.next());
    {
      ChildProcess maker(append_command(store, ledger, 1 + random.below(10)));
      if (code_of(maker.wait()) != 0) throw Violation{"a store cannot be made"};
      ledger.take_output(maker.output());
    }
    const auto owner = open("file:" + store.string());
    if (!owner) throw Violation{"the store does not open: " + owner.error().message};
    for (int i = 0; i < 2; ++i) require_locked(store, ledger);
    std::filesystem::create_directory_symlink(store, store.string() + "-link");
    require_locked(store.string() + "-link", ledger);
    ledger.check(**owner);
    tally.add("openings in one process");
  }
};

}  // namespace

std::unique_ptr<Campaign> make_owner_campaign() {
  return std::make_unique<OwnerCampaign>();
}

}  // namespace eventstore::test
