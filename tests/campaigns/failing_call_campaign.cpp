#include <array>
#include <cerrno>
#include <numeric>
#include <string>
#include <vector>

#include "campaigns/campaign.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

using Call = SimulatedFileSystem::Call;

constexpr std::size_t kOperationsPerScript = 60;
// So many operations after the call that failed a run ends, and everything is asked.
constexpr std::size_t kOperationsAfter = 12;

// A list of operations, and how many calls of the file system it takes where none fails.
struct Script {
  std::uint64_t seed = 0;
  StoreLimits limits;
  std::vector<Operation> operations;
  std::uint64_t calls = 0;
};

std::uint64_t calls_of(const SimulatedFileSystem& files) {
  std::uint64_t sum = 0;
  for (std::size_t kind = 0; kind < SimulatedFileSystem::kCallKinds; ++kind) {
    sum += files.calls(static_cast<Call>(kind));
  }
  return sum;
}

Script write_script(std::uint64_t seed) {
  Script script{.seed = seed,
                .limits = {.segment_bytes_max = seed % 2 == 0 ? 8192U : 16384U,
                           .prewrite_bytes = 512 * (seed % 3),
                           .run_events_max = 3 + seed % 5,
                           .merge_width = 2},
                .operations = {}};
  OperationMaker maker(seed,
                       {.commits = 8,
                        .deletions = 2,
                        .background = 4,
                        .scrubs = 1,
                        .scavenges = 1,
                        .time = 1,
                        .looks = 2,
                        .reopenings = 1,
                        .questions = 1},
                       4);
  CheckedStore store(seed, script.limits);
  store.ask_little();
  if (!store.open()) throw Violation{"a store on a sound disk does not open"};
  while (script.operations.size() < kOperationsPerScript) {
    script.operations.push_back(maker.next(store.model()));
    if (!store.perform(script.operations.back())) {
      throw Violation{"a store on a sound disk stops: " + describe(script.operations.back())};
    }
  }
  store.close();
  script.calls = calls_of(store.files());
  return script;
}

struct FailingCall {
  std::uint64_t number;
  int error_number;
  bool forever;
};

std::string describe(const FailingCall& call) {
  return "call " + std::to_string(call.number) + " fails " + (call.forever ? "for ever" : "once") +
         " with errno " + std::to_string(call.error_number);
}

// Runs the script while one call fails. Whenever the store stops for it, it is opened again: at
// once where the fault has passed, else when it is taken away.
void run_script(const Script& script, const FailingCall& call, Tally& tally) {
  CheckedStore store(script.seed, script.limits);
  store.ask_little();
  auto& files = store.files();
  files.inject({.nth = call.number, .error_number = call.error_number, .forever = call.forever});
  const auto open_again = [&] {
    if (call.forever && files.faults_hit() > 0) files.clear_faults();
    if (store.open()) return;
    // The fault came in the opening: it works without it.
    files.clear_faults();
    if (!store.open()) throw Violation{"the store does not open although nothing fails any more"};
  };
  open_again();
  std::size_t after = 0;
  for (const auto& operation : script.operations) {
    if (files.faults_hit() > 0 && ++after > kOperationsAfter) break;
    if (store.perform(operation)) continue;
    tally.add("operations that stopped the store");
    if (store.is_open()) store.close();
    open_again();
  }
  files.clear_faults();
  store.close();
  store.ask_everything();
  if (!store.open() || !store.perform(AskEverything{})) {
    throw Violation{"the store does not work at the end"};
  }
  store.close();
  if (files.faults_hit() > 0) tally.add("runs in which a call failed");
}

class FailingCallCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 6; }  // scripts

  std::vector<Floor> floors() const override {
    return {{"scripts", 6}, {"runs in which a call failed", 20'000}};
  }

  void run(std::uint64_t episode, Tally& tally) override {
    const auto script = write_script(episode);
    // All calls in a whole run, some of them in one that does less.
    const auto stride = 100 / scaled(100);
    for (auto number = 1 + episode % stride; number <= script.calls; number += stride) {
      for (const int error_number : {EIO, ENOSPC, EMFILE}) {
        for (const bool forever : {false, true}) {
          const FailingCall call{
              .number = number, .error_number = error_number, .forever = forever};
          try {
            run_script(script, call, tally);
          } catch (const Violation& violation) {
            throw Violation{describe(call) + ": " + violation.what};
          }
          tally.add("runs");
        }
      }
    }
    tally.add("scripts");
    tally.add("calls of the scripts", script.calls);
  }
};

}  // namespace

std::unique_ptr<Campaign> make_failing_call_campaign() {
  return std::make_unique<FailingCallCampaign>();
}

}  // namespace eventstore::test
